"""The kernels of `fast` in Triton, each one pass over memory, twice differentiable.

Not measured on a GPU yet; equal to the reference form in Triton's interpreter.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from stylegan_cli.ops.conv import refuse_traced_autograd
from stylegan_cli.ops.reference import FILTER, LRELU_SLOPE
from stylegan_cli.ops.triton import kernels
from stylegan_cli.ops.triton.kernels import Geometry, TailGradients


def blur(x: Tensor, padding: int, gain: float = 1.0, taps: tuple[float, ...] = FILTER) -> Tensor:
    """As `fir.blur`."""
    geometry = Geometry(_scaled(taps, gain), padding)
    return _filter(x, geometry, [geometry.blurred(side) for side in x.shape[2:]])


def upsample(x: Tensor) -> Tensor:
    """As `fir.upsample`."""
    geometry = Geometry(_scaled(FILTER, 4.0), padding=2, up=2)
    return _filter(x, geometry, [2 * side for side in x.shape[2:]])


def downsample(x: Tensor) -> Tensor:
    """As `fir.downsample`."""
    geometry = Geometry(_scaled(FILTER, 1.0), padding=1, down=2)
    return _filter(x, geometry, [side // 2 for side in x.shape[2:]])


def tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    *,
    blurred: bool,
    limit: float | None,
) -> Tensor:
    """As `Kernels.tail`; sums up in float32."""
    refuse_traced_autograd()
    geometry = Geometry(_scaled(FILTER, 4.0), padding=1) if blurred else Geometry()
    # what is at the limit is recognized by being no less, so y's dtype must be able to hold it
    held = torch.tensor(math.inf if limit is None else limit, dtype=y.dtype).item()
    z: Tensor = _Tail.apply(y, scale, noise, shift, geometry, held)
    return z


class _Filter(Function):
    """A filter; its derivative is the adjoint filter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, geometry: Geometry, size: tuple[int, int]) -> Tensor:
        ctx.geometry, ctx.size = geometry, (x.shape[2], x.shape[3])
        return kernels.fir(x, geometry, size)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        return _Filter.apply(dy, ctx.geometry.adjoint, ctx.size), None, None


class _Tail(Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        scale: Tensor,
        noise: Tensor | None,
        shift: Tensor,
        geometry: Geometry,
        limit: float,
    ) -> Tensor:
        z = kernels.tail(y, scale, noise, shift, geometry, limit)
        ctx.save_for_backward(y, scale, z)
        ctx.noises = 0 if noise is None else len(noise)
        ctx.geometry, ctx.limit = geometry, limit
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        y, scale, z = ctx.saved_tensors
        compute = _tail_gradients if torch.is_grad_enabled() else kernels.tail_backward
        gradients = compute(dz, z, y, scale, ctx.geometry, ctx.limit)
        d_noise = gradients.noise if ctx.noises > 1 else gradients.noise.sum(0, keepdim=True)
        return (
            gradients.y,
            gradients.scale,
            d_noise if ctx.noises else None,
            gradients.shift,
            None,
            None,
        )


def _tail_gradients(
    dz: Tensor, z: Tensor, y: Tensor, scale: Tensor, geometry: Geometry, limit: float
) -> TailGradients:
    """As `kernels.tail_backward`, in operations that can be differentiated again."""
    z, wide = z.detach(), scale.dtype
    bent = torch.where(z < 0, dz * LRELU_SLOPE, dz).masked_fill(z.abs() >= limit, 0)
    back: Tensor = _Filter.apply(bent, geometry.adjoint, (y.shape[2], y.shape[3]))
    return TailGradients(
        y=back * scale.to(y.dtype)[..., None, None],
        scale=(back * y).sum((2, 3), dtype=wide),
        shift=bent.sum((0, 2, 3), dtype=wide),
        noise=bent.sum(1, keepdim=True, dtype=wide),
    )


def _filter(x: Tensor, geometry: Geometry, size: list[int]) -> Tensor:
    refuse_traced_autograd()
    y: Tensor = _Filter.apply(x, geometry, tuple(size))
    return y


def _scaled(taps: tuple[float, ...], gain: float) -> tuple[float, ...]:
    # of both axes together the taps sum up to the gain
    return tuple(tap / sum(taps) * math.sqrt(gain) for tap in taps)
