"""Each sample's pixels times a matrix of its own, differentiable any number of times.

PyTorch's own second derivative comes out with the pixels of each channel together: every feature
map that it is added to would have to be read across.
"""

from typing import Any

from torch import Tensor
from torch.autograd import Function

from stylegan_cli.ops.tracing import refuse_traced_autograd


def transform(pixels: Tensor, matrix: Tensor) -> Tensor:
    """`[n, pixels, c]` times `[n, c, o]`."""
    refuse_traced_autograd()
    y: Tensor = _Transform.apply(pixels, matrix)
    return y


class _Transform(Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(pixels, matrix)
        return pixels @ matrix

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        pixels, matrix = ctx.saved_tensors
        wanted, _ = ctx.needs_input_grad
        return (
            _Transform.apply(dy, matrix.mT) if wanted else None,
            _Correlate.apply(pixels, dy),
        )


class _Correlate(Function):
    """Gradient for the matrix: products of channels, summed over pixels."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, dy: Tensor) -> Tensor:
        ctx.save_for_backward(pixels, dy)
        return pixels.mT @ dy

    @staticmethod
    def backward(ctx: Any, d_matrix: Tensor) -> tuple[Tensor, Tensor]:
        pixels, dy = ctx.saved_tensors
        return _Transform.apply(dy, d_matrix.mT), _Transform.apply(pixels, d_matrix)
