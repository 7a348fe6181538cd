"""Functions with derivatives of their own, which can be differentiated again.

PyTorch differentiates a convolution twice by convolving with kernels as large as images: slow, and
in bfloat16 wrong by up to 40 % in R1 gradients. Here the convolution, its data gradient and its
weight gradient are three functions, and the derivatives of each consist of the other two. So are
the product of pixels with a matrix and the gradient of that matrix.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

Map = Callable[[Tensor], Tensor]
Shape = tuple[int | torch.SymInt, ...]
"""Sizes, which are symbols while a program for any batch is exported."""


def apply(function: type[Function], *inputs: Any) -> Tensor:
    """Apply a function, unless `torch.compile` is tracing `autograd.grad` calls.

    With `torch._dynamo.config.trace_autograd_ops` it treats the derivatives of our functions as
    constants, so that second derivatives would be wrong without any warning.
    """
    if torch.compiler.is_compiling() and getattr(torch._dynamo.config, "trace_autograd_ops", False):
        raise RuntimeError(
            "torch.compile with trace_autograd_ops gives wrong second derivatives of sgtool's "
            "operations; compile without it, or a network built with the backend ref"
        )
    y: Tensor = function.apply(*inputs)
    return y


def linear(x: Tensor, forward: Map, adjoint: Map) -> Tensor:
    """Apply a linear map; derivatives of every order are the map and its adjoint."""
    return apply(_Linear, x, forward, adjoint)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: Map, adjoint: Map) -> Tensor:
        ctx.maps = adjoint, forward
        return forward(x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        return _Linear.apply(dy, *ctx.maps), None, None


# shared by all threads, because autograd runs backward passes on a GPU in its own threads
_weight_gradients = True


@contextmanager
def no_weight_gradients() -> Iterator[None]:
    """Skip weight gradients in backward passes within this context.

    For the inner gradient of R1 and path length: `autograd.grad(inputs=[x])` does not tell a
    Python function that the other gradients are not needed. The context applies to all threads,
    so two threads must not train at once.
    """
    global _weight_gradients
    before, _weight_gradients = _weight_gradients, False
    try:
        yield
    finally:
        _weight_gradients = before


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    slope: float | None = None,
) -> Tensor:
    """Correlate `[n, i, h, w]` with `[o, i, k, k]`; fast, also differentiated twice.

    Args:
        slope: Of a leaky ReLU that follows; None is none.
    """
    return apply(_Conv, x, weight, bias, _Geometry(stride, padding), slope)


def conv2d_up(x: Tensor, weight: Tensor, *, padding: int = 0) -> Tensor:
    """Convolve transposed with stride 2: size n becomes 2n + k − 2 − 2 · padding.

    Args:
        x: `[n, i, h, w]`.
        weight: `[i, o, k, k]`; `out[2p + a − padding] += x[p] · weight[a]`.
        padding: Rows and columns of the result to leave out on each side.
    """
    n, _, h, w = x.shape
    grown = weight.shape[-1] - 2 - 2 * padding
    shape = (n, weight.shape[1], 2 * h + grown, 2 * w + grown)
    return apply(_ConvData, x, weight, shape, _Geometry(2, padding))


@dataclass(frozen=True)
class _Geometry:
    stride: int
    padding: int


def _backward(
    dy: Tensor, x: Tensor, weight: Tensor, geometry: _Geometry, mask: tuple[bool, bool, bool]
) -> Any:
    # gradients of x, weight and bias; None where the mask is False
    stride, padding = [geometry.stride] * 2, [geometry.padding] * 2
    return torch.ops.aten.convolution_backward(
        dy, x, weight, [weight.shape[0]], stride, padding, [1, 1], False, [0, 0], 1, list(mask)
    )


def _like(dy: Tensor, shape: Shape) -> Tensor:
    # stands in for the operand that this gradient does not read; its layout selects the kernel
    return torch.empty(shape, dtype=dy.dtype, device=dy.device, memory_format=torch.channels_last)


@cache
def _fuses_lrelu(dtype: torch.dtype) -> bool:
    """Whether oneDNN applies a leaky ReLU in the pass of a convolution on a CPU."""
    vectors = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    there = vectors and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    return there and dtype in (torch.float32, torch.bfloat16)


class _Conv(Function):
    """Convolution, and a leaky ReLU if it has a slope."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geom: _Geometry,
        slope: float | None,
    ) -> Tensor:
        y: Tensor
        if slope is not None and x.device.type == "cpu" and _fuses_lrelu(x.dtype):
            stride, padding = [geom.stride] * 2, [geom.padding] * 2
            y = torch.ops.mkldnn._convolution_pointwise(
                x, weight, bias, padding, stride, [1, 1], 1, "leaky_relu", [slope], ""
            )
        else:
            y = torch.conv2d(x, weight, bias, geom.stride, geom.padding)
            y = y if slope is None else F.leaky_relu_(y, slope)
        ctx.save_for_backward(x, weight, None if slope is None else y)
        ctx.geom, ctx.slope = geom, slope
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        if y is not None:
            # signs alone matter, which have no derivative
            dy = torch.ops.aten.leaky_relu_backward(dy, y.detach(), ctx.slope, True)
        want_x, want_w, want_b = ctx.needs_input_grad[:3]
        if not _weight_gradients:
            want_w = want_b = False
        if not torch.is_grad_enabled():
            dx, dw, db = _backward(dy, x, weight, ctx.geom, (want_x, want_w, want_b))
            return dx, dw, db, None, None
        dx = _ConvData.apply(dy, weight, tuple(x.shape), ctx.geom) if want_x else None
        dw = _ConvWeight.apply(dy, x, tuple(weight.shape), ctx.geom) if want_w else None
        return dx, dw, dy.sum((0, 2, 3)) if want_b else None, None, None


class _ConvData(Function):
    """Gradient of the input of a convolution, given that of its output."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, weight: Tensor, shape: Shape, geom: _Geometry) -> Tensor:
        ctx.save_for_backward(dy, weight)
        ctx.geom = geom
        dx: Tensor = _backward(dy, _like(dy, shape), weight, geom, (True, False, False))[0]
        return dx

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor | None, ...]:
        dy, weight = ctx.saved_tensors
        want_dy, want_w = ctx.needs_input_grad[:2]
        grad_dy = _Conv.apply(ddx, weight, None, ctx.geom, None) if want_dy else None
        grad_w = None
        if want_w and _weight_gradients:
            grad_w = _ConvWeight.apply(dy, ddx, tuple(weight.shape), ctx.geom)
        return grad_dy, grad_w, None, None


class _ConvWeight(Function):
    """Gradient of the weight of a convolution, given that of its output."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, x: Tensor, shape: Shape, geom: _Geometry) -> Tensor:
        ctx.save_for_backward(dy, x)
        ctx.geom = geom
        dw: Tensor = _backward(dy, x, _like(dy, shape), geom, (False, True, False))[1]
        return dw

    @staticmethod
    def backward(ctx: Any, ddw: Tensor) -> tuple[Tensor | None, ...]:
        dy, x = ctx.saved_tensors
        want_dy, want_x = ctx.needs_input_grad[:2]
        grad_dy = _Conv.apply(x, ddw, None, ctx.geom, None) if want_dy else None
        grad_x = _ConvData.apply(dy, ddw, tuple(x.shape), ctx.geom) if want_x else None
        return grad_dy, grad_x, None, None


def transform(pixels: Tensor, matrix: Tensor) -> Tensor:
    """Multiply `[n, pixels, c]` by `[n, c, o]`."""
    return apply(_Transform, pixels, matrix)


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
    """Gradient of the matrix: products of channels, summed over pixels."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, dy: Tensor) -> Tensor:
        ctx.save_for_backward(pixels, dy)
        return pixels.mT @ dy

    @staticmethod
    def backward(ctx: Any, d_matrix: Tensor) -> tuple[Tensor, Tensor]:
        pixels, dy = ctx.saved_tensors
        return _Transform.apply(dy, d_matrix.mT), _Transform.apply(pixels, d_matrix)
