"""`sgtool convert`: networks from and to the files of other programs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stylegan_cli.cli import console
from stylegan_cli.cli.options import JsonFlag, OverwriteFlag, QuietFlag, examples
from stylegan_cli.cli.output import echo_json
from stylegan_cli.errors import OutputError, UsageError

EXAMPLES = examples(
    "sgtool convert ffhq.pkl ffhq.safetensors",
    "sgtool convert ffhq.pkl ffhq.safetensors --json",
    "sgtool grid --seeds 0-15 --network ffhq.safetensors",
)


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC", help="Network file: a pickle of the original releases, or a zip of one."
        ),
    ],
    destination: Annotated[
        Path, typer.Argument(metavar="DST", help="File to write; its suffix tells the format.")
    ],
    overwrite: OverwriteFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Make a network file of sgtool (.safetensors) of another program's.

    Nothing in the file is run: its weights are read, its code never.
    """
    if destination.suffix not in _CONVERSIONS:
        raise UsageError(
            f"{destination}: a name that tells no format; end it in {' or '.join(_CONVERSIONS)}"
        )
    if destination.exists() and not overwrite:
        raise OutputError(f"{destination}: is there already; add --overwrite to replace it")
    facts = _CONVERSIONS[destination.suffix](source, destination)
    for note in facts["notes"]:
        console.warn(f"{source}: {note}")
    console.note(f"licence: {facts['licence']}")
    if json:
        echo_json(facts)
    else:
        typer.echo(str(destination))


def _to_ours(source: Path, destination: Path) -> dict[str, Any]:
    from stylegan_cli import api

    foreign = api.read_foreign(source)
    api.save_foreign(foreign, destination)
    facts = api.describe_foreign(foreign)
    side = facts["resolution"]
    console.note(f"{source}: {facts['format']}, {facts['family']}, {side}×{side}")
    return {
        "source": str(source),
        "path": str(destination),
        **facts,
        "bytes": destination.stat().st_size,
        "tensors": {
            ours: {"from": foreign.names[ours], "shape": list(tensor.shape)}
            for ours, tensor in foreign.tensors.items()
        },
    }


_CONVERSIONS: Mapping[str, Callable[[Path, Path], dict[str, Any]]] = {".safetensors": _to_ours}
"""What writes the files of a suffix; each returns facts with at least "notes" and "licence"."""
