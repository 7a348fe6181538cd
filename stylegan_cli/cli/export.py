"""`sgtool convert` to files that other programs run: ONNX, and programs of torch.export."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.checkpoint import EXPORT_SUFFIXES
from stylegan_cli.cli import console
from stylegan_cli.cli.any_network import any_network
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    from stylegan_cli.interop.export.exporting import Exported

EXPORTS = EXPORT_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """Flags that only these formats have."""

    noise_mode: Annotated[
        Literal["const", "none"] | None,
        typer.Option(
            "--noise-mode", help="For .onnx, .pt2: the network's own noise (const), or none."
        ),
    ] = None
    halves: Annotated[
        bool,
        typer.Option(
            "--halves",
            help="For .onnx, .pt2: two files, DST-mapping and DST-synthesis, instead of one.",
        ),
    ] = False


def export_paths(destination: Path, flags: ExportFlags) -> Sequence[Path]:
    """The files that will be written."""
    from stylegan_cli import api

    return api.export_paths(destination, halves=flags.halves)


def export(source: Path, destination: Path, flags: ExportFlags) -> dict[str, Any]:
    """Write a network for other programs; facts for `--json`.

    Args:
        source: A network file of ours, a run, or another program's file.
    """
    from stylegan_cli import api

    with any_network(source) as (network, notes):
        mode = flags.noise_mode or "const"
        files = api.export_network(network, destination, noise_mode=mode, halves=flags.halves)
    for file in files:
        console.note(_in_words(file))
    return {
        "source": str(source),
        "noise_mode": mode,
        "network_sha256": network.sha256,
        "files": [_facts(file) for file in files],
        "licence": network.header.licence,
        "notes": list(notes),
    }


def refuse(flags: ExportFlags, destination: Path) -> None:
    """Refuse flags of these formats for another one.

    Raises:
        UsageError: Names the flag.
    """
    given = {"--noise-mode": flags.noise_mode is not None, "--halves": flags.halves}
    for flag in (flag for flag, is_given in given.items() if is_given):
        raise UsageError(f"{flag}: only for {' and '.join(EXPORTS)}, not for {destination}")


def _facts(file: "Exported") -> dict[str, Any]:
    facts = {**asdict(file), "path": str(file.path)}
    if "images" in file.deviations:
        facts["grey_levels"] = file.deviations["images"].grey_levels
    return facts


def _in_words(file: "Exported") -> str:
    opset = f", opset {file.opset}" if file.opset else ""
    size = f"{file.bytes / 2**20:.1f} MiB"
    differences = "; ".join(
        f"{name} differ from PyTorch's by at most {found.relative:.1e} of their largest value"
        + (f", {found.grey_levels:.2g} of 255 grey levels" if name == "images" else "")
        for name, found in file.deviations.items()
    )
    return f"{file.path}: {file.part}{opset}, {size}; {differences}"
