"""`sgtool convert`: networks from and to the files of other programs."""

import filecmp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import any_network, local
from stylegan_cli.cli.options import QuietFlag, with_flags
from stylegan_cli.errors import OutputError, UsageError


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """Options for .onnx and .pt2 only.

    Attributes:
        noise_mode: For .onnx, .pt2: the network's own noise (const), or none.
        halves: For .onnx, .pt2: two files, DST-mapping and DST-synthesis, instead of one.
    """

    noise_mode: Literal["const", "none"] | None = None
    halves: bool = False


def _export(source: Path, destination: Path, flags: ExportFlags) -> dict[str, Any]:
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
        "licence": network.licence,
        "notes": list(notes),
    }


def _facts(file: "api.Exported") -> dict[str, Any]:
    facts = {**asdict(file), "path": str(file.path)}
    if "images" in file.deviations:
        facts["grey_levels"] = file.deviations["images"].grey_levels
    return facts


def _in_words(file: "api.Exported") -> str:
    opset = f", opset {file.opset}" if file.opset else ""
    size = f"{file.bytes / 2**20:.1f} MiB"
    differences = "; ".join(
        f"{name} differ from PyTorch's by at most {found.relative:.1e} of their largest value"
        + (f", {found.grey_levels:.2g} of 255 grey levels" if name == "images" else "")
        for name, found in file.deviations.items()
    )
    return f"{file.path.name}: {file.part}{opset}, {size}; {differences}"


Conversion = Callable[[Path, Path], dict[str, Any]]
"""Converts source to destination; returns facts, with "notes" and "licence" among them."""


@with_flags
def convert(
    source: Path,
    destination: Path,
    /,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
    *,
    flags: ExportFlags,
) -> None:
    """Convert networks from and to the files of other programs.

    The suffix of DST selects the format: .safetensors for sgtool, .pt for rosinality's StyleGAN2 in
    PyTorch, .onnx for onnxruntime and other ONNX runtimes, .pt2 for PyTorch without sgtool. The
    file you convert cannot run code: sgtool reads its weights, never its code.

    Args:
        source (SRC): Network file of sgtool, run, pickle of the original releases (also in a zip),
            checkpoint of rosinality's programs, or the address of one.
        destination (DST): File to write; its suffix selects the format.

    Examples:
        sgtool convert ffhq.pkl ffhq.safetensors
        sgtool convert ffhq.pkl ffhq.safetensors --json
        sgtool grid --seeds 0-15 --network ffhq.safetensors
        sgtool convert 550000.pt mine.safetensors
        sgtool convert runs/photos photos.pt
        sgtool convert runs/people people.onnx
        sgtool convert runs/people people.onnx --halves --noise-mode none
        sgtool convert ffhq.pkl ffhq.pt2
    """
    conversion, written = _conversion(destination, flags)
    source = local(source)
    if destination.exists() and source.exists() and destination.samefile(source):
        raise OutputError(f"{destination}: is the file to convert; name another one")
    there = [path for path in written if path.exists() and not overwrite]
    if not there:
        facts = conversion(source, destination)
    elif there == list(written):
        facts = _converted_already(conversion, source, destination, written)
    else:
        raise _taken(there[0])
    for note in facts["notes"]:
        console.warn(f"{source}: {note}")
    console.note(f"licence: {facts['licence']}")
    console.echo_result(written, facts, as_json=json)


def _converted_already(
    conversion: Conversion, source: Path, destination: Path, written: Sequence[Path]
) -> dict[str, Any]:
    """Return the facts of a conversion that was done before."""
    with TemporaryDirectory() as folder:
        facts = conversion(source, Path(folder) / destination.name)
        for path in written:
            if not filecmp.cmp(Path(folder) / path.name, path, shallow=False):
                raise _taken(path)
            console.note(f"{path}: exists already, converted from the same network")
    for entry, path in zip(facts.get("files", [facts]), written, strict=True):
        entry["path"] = str(path)
    return facts


def _taken(path: Path) -> OutputError:
    return OutputError(f"{path}: exists already; add `overwrite` to replace it")


def _conversion(destination: Path, flags: ExportFlags) -> tuple[Conversion, Sequence[Path]]:
    """Return the conversion to the format of DST, and the files it writes."""
    if destination.suffix in api.EXPORT_SUFFIXES:
        return partial(_export, flags=flags), api.export_paths(destination, halves=flags.halves)
    for name, value in vars(flags).items():
        if value:
            only = " and ".join(api.EXPORT_SUFFIXES)
            raise UsageError(f"only for {only}, not for {destination}", parameter=name)
    if destination.suffix in _CONVERSIONS:
        return _CONVERSIONS[destination.suffix], [destination]
    *suffixes, last = (*_CONVERSIONS, *api.EXPORT_SUFFIXES)
    raise UsageError(
        f"{destination}: the suffix selects no format; use {', '.join(suffixes)} or {last}"
    )


def _to_ours(source: Path, destination: Path) -> dict[str, Any]:
    if source.is_dir() and (own := api.snapshots(source)):
        raise UsageError(f"{source}: a run, whose networks are sgtool's already; copy {own[-1]}")
    try:
        foreign = api.read_foreign(source)
    except api.NoGeneratorError:
        return _to_classifier(source, destination)
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


def _to_rosinality(source: Path, destination: Path) -> dict[str, Any]:
    with any_network(source) as (network, notes):
        written = api.rosinality_checkpoint(network)
        api.save_checkpoint(destination, written)
    return {
        "source": str(source),
        "path": str(destination),
        "format": "rosinality-stylegan2",
        "licence": network.licence,
        "network_sha256": network.sha256,
        "notes": [*notes, *written.notes],
        "unused": list(written.unused),
        "bytes": destination.stat().st_size,
        "tensors": {
            theirs: {"from": ours, "shape": shape} for theirs, ours, shape in written.tensors()
        },
    }


def _to_classifier(source: Path, destination: Path) -> dict[str, Any]:
    classifier = api.read_published_classifier(source)
    api.save_classifier(destination, classifier)
    described = classifier.description
    name, side = described.names[0], described.side
    console.note(f"{source}: a classifier of {name}, {side}×{side}")
    return {
        "source": str(source),
        "path": str(destination),
        "format": "stylegan-tf",
        "attribute": name,
        "resolution": side,
        "channels": described.channels,
        "licence": api.CC_BY_NC,
        "notes": [],
        "bytes": destination.stat().st_size,
    }


_CONVERSIONS: Mapping[str, Conversion] = {
    ".safetensors": _to_ours,
    ".pt": _to_rosinality,
}
"""The conversion to each suffix."""
