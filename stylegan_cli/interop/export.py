"""Networks as files for other programs, run and compared before they are kept."""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.export import ExportedProgram

from stylegan_cli import __version__
from stylegan_cli.errors import ExportError, UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.interop.export_parts import (
    Arrays,
    Deviation,
    FixedNoise,
    Part,
    PartName,
    Port,
    Runner,
    deviations,
    example,
    parts_of,
    quiet,
    trace,
)
from stylegan_cli.latents.sampling import Sampling, check_possible
from stylegan_cli.networks.drawing import prepare
from stylegan_cli.networks.header import export_paths
from stylegan_cli.networks.snapshot import Network, versions
from stylegan_cli.recipe import dumps

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
"""The version of ONNX that torch writes; newer ones would only exclude older runtimes."""
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_NO_LIMIT = 2**40
TOLERANCE = 1e-4
"""Largest relative difference between a file and the network."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written.

    Attributes:
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
    if path.suffix not in _FORMATS:
        raise UsageError(f"{path}: unknown format; name it {' or '.join(_FORMATS)}")
    check_possible(network, Sampling(noise_mode=noise_mode))
    if path.suffix == ".onnx":
        _check_onnx_installed()
    parts = parts_of(prepare(network.G), noise_mode, halves=halves)
    places = export_paths(path, halves=halves)
    with ExitStack() as files:
        return [
            _export(network, place, files.enter_context(written_whole(place)), part, noise_mode)
            for part, place in zip(parts, places, strict=True)
        ]


def _export(
    network: Network, path: Path, temporary: Path, part: Part, noise_mode: FixedNoise
) -> Exported:
    (write, run), G = _FORMATS[path.suffix], network.G
    write(temporary, trace(part, example(G, part)), part, _metadata(network, part, noise_mode))
    found = deviations(run(temporary, part), G, part, noise_mode)
    for name, deviation in found.items():
        # not >, because NaN would pass
        if not deviation.relative <= TOLERANCE:
            raise ExportError(
                f"{path}: its {name} differ from those of PyTorch by {deviation.relative:.1e} of "
                f"their largest value, {TOLERANCE:.0e} is allowed; nothing was written. Please "
                "report it with the network and the versions of torch, onnxscript and onnxruntime"
            )
    return Exported(
        path=path,
        part=part.name,
        format="onnx" if path.suffix == ".onnx" else "pt2",
        opset=OPSET if path.suffix == ".onnx" else None,
        bytes=temporary.stat().st_size,
        inputs=part.inputs,
        outputs=part.outputs,
        deviations=found,
    )


def _metadata(network: Network, part: Part, noise_mode: FixedNoise) -> dict[str, str]:
    return {
        "title": network.recipe.title,
        "part": part.name,
        "inputs": json.dumps([asdict(port) for port in part.inputs]),
        "outputs": json.dumps([asdict(port) for port in part.outputs]),
        "noise_mode": noise_mode,
        "classes": json.dumps(network.classes),
        "kimg": repr(network.kimg),
        "licence": network.licence,
        "provenance": json.dumps(dict(network.provenance)),
        "network_sha256": network.sha256,
        "recipe": dumps(network.recipe),
        "versions": json.dumps(versions()),
    }


def _check_onnx_installed() -> None:
    for name in _NEEDED:
        try:
            import_module(name)
        except ImportError as error:
            raise ExportError(
                f"ONNX: {error.name or name} is not installed; "
                "pip install '.[export]', or write a .pt2, which needs nothing else"
            ) from None


def _write_onnx(
    path: Path, program: ExportedProgram, part: Part, metadata: Mapping[str, str]
) -> None:
    model = _translated(program, part)
    _label(model, part, metadata)
    path.write_bytes(model.SerializeToString())


def _run_onnx(path: Path, part: Part) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    names = [port.name for port in part.outputs]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def _translated(program: ExportedProgram, part: Part) -> "ModelProto":
    from onnxscript.optimizer import optimize

    try:
        with quiet():
            onnx_program = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[port.name for port in part.inputs],
                output_names=[port.name for port in part.outputs],
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(
            f"ONNX: torch {torch.__version__} cannot translate this network ({reason}); "
            "pip install --upgrade torch onnxscript, or write a .pt2"
        ) from error
    assert onnx_program is not None
    # computed here, once: values that depend on weights alone
    optimize(onnx_program.model, input_size_limit=_NO_LIMIT, output_size_limit=_NO_LIMIT)
    return onnx_program.model_proto


def _label(model: "ModelProto", part: Part, metadata: Mapping[str, str]) -> None:
    """Replace the exporter's notes, stack traces with this machine's paths among them, by ours."""
    graph: Any = model.graph
    del graph.value_info[:]
    for item in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    model.producer_name, model.producer_version = "sgtool", __version__
    graph.name = part.name
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    _describe(graph.input, part.inputs)
    _describe(graph.output, part.outputs)


def _describe(values: Any, ports: tuple[Port, ...]) -> None:
    for value, port in zip(values, ports, strict=True):
        value.doc_string = port.meaning
        sizes = value.type.tensor_type.shape.dim
        for size, wanted in zip(sizes, port.shape, strict=True):
            if isinstance(wanted, str):
                size.dim_param = wanted


def _write_program(
    path: Path, program: ExportedProgram, part: Part, metadata: Mapping[str, str]
) -> None:
    buffer = io.BytesIO()
    extra = {"metadata.json": json.dumps(dict(metadata), indent=2)}
    with quiet():
        torch.export.save(program, buffer, extra_files=extra)
    path.write_bytes(buffer.getvalue())


def _run_program(path: Path, part: Part) -> Runner:
    with quiet():
        module = torch.export.load(io.BytesIO(path.read_bytes())).module()

    def run(inputs: Arrays) -> Arrays:
        with torch.no_grad():
            outputs = module(**{name: torch.from_numpy(value) for name, value in inputs.items()})
        tensors = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        return {
            port.name: tensor.numpy() for port, tensor in zip(part.outputs, tensors, strict=True)
        }

    return run


Write = Callable[[Path, ExportedProgram, Part, Mapping[str, str]], None]
_FORMATS: Mapping[str, tuple[Write, Callable[[Path, Part], Runner]]] = {
    ".onnx": (_write_onnx, _run_onnx),
    ".pt2": (_write_program, _run_program),
}
