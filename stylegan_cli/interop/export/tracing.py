"""Graphs of parts of a generator, through torch.export."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from stylegan_cli.interop.export.parts import Part

aten = torch.ops.aten
_MOST_IMAGES = 2**30  # without a bound, torch 2.6 sees itself compare n with the largest integer


def trace(part: Part, example: dict[str, Tensor]) -> ExportedProgram:
    """The part as a graph of operations, for any number of images.

    Args:
        example: An input of each name, of two images.
    """
    n = Dim("n", max=_MOST_IMAGES)
    dynamic = {port.name: {0: n} if port.shape[0] == "n" else None for port in part.inputs}
    with torch.no_grad(), quiet():
        # filters are computed once and kept: here, or what is kept would be the tracer's
        part.module(**example)
        program = torch.export.export(
            part.module, (), kwargs=example, dynamic_shapes=dynamic, strict=False
        )
        plain: ExportedProgram = program.run_decompositions(
            {
                aten.convolution_backward.default: _transposed_convolution,
                # would tie the graph to this device
                aten._assert_tensor_metadata.default: _nothing,
            }
        )
        return plain


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch's exporters say to their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _transposed_convolution(
    dy: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    *geometry: Any,
) -> tuple[Tensor, None, None]:
    # `ops.conv` doubles sizes by the gradient of a convolution; other programs have no such thing
    stride, padding, dilation, _, output_padding, groups, wanted = geometry
    assert list(wanted) == [True, False, False]
    y = torch.conv_transpose2d(dy, weight, None, stride, padding, output_padding, groups, dilation)
    return y, None, None


def _nothing(*_: object, **__: object) -> None:
    pass
