"""Parts of a generator as ONNX, and their execution by onnxruntime."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.export import ExportedProgram

from stylegan_cli import __version__
from stylegan_cli.errors import ExportError
from stylegan_cli.interop.export.parts import Arrays, Part, Port, Runner, quiet

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
"""The version torch's exporter writes; newer ones would only exclude older runtimes."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")
_NO_LIMIT = 2**40


def check_installed() -> None:
    """Raise if the packages of the extra are missing.

    Raises:
        ExportError: A package is missing; the message names it.
    """
    for name in NEEDED:
        try:
            import_module(name)
        except ImportError as error:
            raise ExportError(
                f"ONNX: {error.name or name} is not installed; "
                "pip install 'stylegan_cli[export]', or write a .pt2, which needs nothing else"
            ) from None


def write(path: Path, program: ExportedProgram, part: Part, metadata: Mapping[str, str]) -> None:
    """Write a part as one ONNX file.

    Raises:
        ExportError: The installed exporter cannot translate it.
    """
    model = _translated(program, part)
    _strip(model)
    _label(model, part, metadata)
    path.write_bytes(model.SerializeToString())


def runner(path: Path, part: Part) -> Runner:
    """Return a function that runs the part from an ONNX file on the CPU."""
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


def _strip(model: "ModelProto") -> None:
    """Remove the exporter's notes, stack traces with this machine's paths among them."""
    graph: Any = model.graph
    del graph.value_info[:]
    for item in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.doc_string = ""


def _label(model: "ModelProto", part: Part, metadata: Mapping[str, str]) -> None:
    model.producer_name, model.producer_version = "sgtool", __version__
    model.graph.name = part.name
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    _describe(model.graph.input, part.inputs)
    _describe(model.graph.output, part.outputs)


def _describe(values: Any, ports: tuple[Port, ...]) -> None:
    for value, port in zip(values, ports, strict=True):
        value.doc_string = port.meaning
        sizes = value.type.tensor_type.shape.dim
        for size, wanted in zip(sizes, port.shape, strict=True):
            if isinstance(wanted, str):
                size.dim_param = wanted
