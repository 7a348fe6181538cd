"""Parts of a generator as programs of torch.export, and their execution."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import ExportedProgram

from stylegan_cli.interop.export.parts import Arrays, Part, Runner, quiet

METADATA = "metadata.json"
"""Name of the metadata among the extra files of a program."""


def write(path: Path, program: ExportedProgram, part: Part, metadata: Mapping[str, str]) -> None:
    """Write a part as one file that `torch.export.load` reads."""
    buffer = io.BytesIO()
    extra = {METADATA: json.dumps(dict(metadata), indent=2)}
    with quiet():
        torch.export.save(program, buffer, extra_files=extra)
    path.write_bytes(buffer.getvalue())


def runner(path: Path, part: Part) -> Runner:
    """Return a function that runs the part from a file that was just written."""
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
