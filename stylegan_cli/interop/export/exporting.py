"""Networks as files for other programs, run and compared before they are kept."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from stylegan_cli.errors import ExportError, UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.interop.export import onnx_format, program_format
from stylegan_cli.interop.export.parts import (
    Deviation,
    FixedNoise,
    Part,
    PartName,
    Port,
    deviations,
    example,
    parts_of,
    trace,
)
from stylegan_cli.latents.sampling import Sampling, check_possible
from stylegan_cli.networks.drawing import prepare
from stylegan_cli.networks.snapshot import Network, versions
from stylegan_cli.recipe import dumps

FORMATS = {".onnx": onnx_format, ".pt2": program_format}
TOLERANCE = 1e-4
"""Largest relative difference between a file and the network."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written.

    Attributes:
        opset: The ONNX opset; None for other formats.
        deviations: Deviation from the network in PyTorch, by output.
    """

    path: Path
    part: PartName
    format: Literal["onnx", "pt2"]
    opset: int | None
    bytes: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    deviations: Mapping[str, Deviation]


def export_network(
    network: Network, path: Path, *, noise_mode: FixedNoise = "const", halves: bool = False
) -> list[Exported]:
    """Write a generator for other programs, and check that it makes the same images.

    Each file is read again and run with batch sizes it was not traced with. None is left
    where one of them is not right.

    Args:
        path: .onnx for ONNX, .pt2 for a program of torch.export.
        noise_mode: "const" puts the network's own noise into the file.
        halves: Two files, `NAME-mapping` and `NAME-synthesis`, instead of the whole.

    Raises:
        UsageError: No such format, or noise that the network does not have.
        ExportError: A package is missing, or what the file computes differs.
        OutputError: The place cannot be written.
    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: unknown format; name it {' or '.join(FORMATS)}")
    check_possible(network, Sampling(noise_mode=noise_mode))
    if path.suffix == ".onnx":
        onnx_format.check_installed()
    parts = parts_of(prepare(network.G), noise_mode, halves=halves)
    places = export_paths(path, halves=halves)
    with ExitStack() as files:
        return [
            _export(network, place, files.enter_context(written_whole(place)), part, noise_mode)
            for part, place in zip(parts, places, strict=True)
        ]


def export_paths(path: Path, *, halves: bool) -> list[Path]:
    """Return the files that `export_network` writes for this path."""
    if not halves:
        return [path]
    return [path.with_stem(f"{path.stem}-{half}") for half in ("mapping", "synthesis")]


def _export(
    network: Network, path: Path, temporary: Path, part: Part, noise_mode: FixedNoise
) -> Exported:
    form, G = FORMATS[path.suffix], network.G
    form.write(temporary, trace(part, example(G, part)), part, _metadata(network, part, noise_mode))
    found = deviations(form.runner(temporary, part), G, part, noise_mode)
    _check(path, found)
    return Exported(
        path=path,
        part=part.name,
        format="onnx" if form is onnx_format else "pt2",
        opset=onnx_format.OPSET if form is onnx_format else None,
        bytes=temporary.stat().st_size,
        inputs=part.inputs,
        outputs=part.outputs,
        deviations=found,
    )


def _check(path: Path, found: Mapping[str, Deviation]) -> None:
    for name, deviation in found.items():
        # not >, because NaN would pass
        if not deviation.relative <= TOLERANCE:
            raise ExportError(
                f"{path}: its {name} differ from those of PyTorch by {deviation.relative:.1e} of "
                f"their largest value, {TOLERANCE:.0e} is allowed; nothing was written. Please "
                "report it with the network and the versions of torch, onnxscript and onnxruntime"
            )


def _metadata(network: Network, part: Part, noise_mode: FixedNoise) -> dict[str, str]:
    header = network.header
    return {
        "title": header.recipe.title,
        "part": part.name,
        "inputs": json.dumps([asdict(port) for port in part.inputs]),
        "outputs": json.dumps([asdict(port) for port in part.outputs]),
        "noise_mode": noise_mode,
        "classes": json.dumps(header.classes),
        "kimg": repr(header.kimg),
        "licence": header.licence,
        "provenance": json.dumps(dict(header.provenance)),
        "network_sha256": network.sha256,
        "recipe": dumps(header.recipe),
        "versions": json.dumps(versions()),
    }
