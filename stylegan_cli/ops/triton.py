"""The backend "triton": the operations of `fast` with kernels in Triton.

Each kernel is one pass over memory each way, twice differentiable. Experimental: equal to the
reference form in Triton's interpreter, not measured on a GPU yet. Feature maps come out channels
last.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd import Function

from stylegan_cli.errors import UsageError
from stylegan_cli.ops import fast, triton_programs
from stylegan_cli.ops.autograd import apply, linear
from stylegan_cli.ops.fast import adain, alias_free_conv, noise_bias_act, to_rgb
from stylegan_cli.ops.reference import FILTER, LRELU_SLOPE

__all__ = [
    "adain",
    "alias_free_conv",
    "box_down_conv",
    "box_up_conv",
    "conv",
    "downsample",
    "noise_bias_act",
    "styled_conv",
    "to_rgb",
    "upsample",
]

styled_conv = partial(fast.styled_conv, kernels=sys.modules[__name__])
conv = partial(fast.conv, kernels=sys.modules[__name__])
box_up_conv = partial(fast.box_up_conv, kernels=sys.modules[__name__])
box_down_conv = partial(fast.box_down_conv, kernels=sys.modules[__name__])

_PIXELS = 32


@dataclass(frozen=True)
class Geometry:
    """Symmetric filter: zeros between pixels, taps along both axes, every `down`-th result.

    Attributes:
        taps: Applied along each axis, so that a gain in them counts twice.
        padding: Zeros before each axis of the zero-stuffed image.
    """

    taps: tuple[float, ...] = (1.0,)
    padding: int = 0
    up: int = 1
    down: int = 1

    @property
    def adjoint(self) -> "Geometry":
        """The filter that propagates gradients back."""
        return Geometry(self.taps, len(self.taps) - 1 - self.padding, self.down, self.up)

    def blurred(self, size: int) -> int:
        """Return the side of the result, with the same padding at both ends."""
        return size + 2 * self.padding + 1 - len(self.taps)


@dataclass(frozen=True, kw_only=True)
class TailGradients:
    """Gradients of the inputs of a tail; that of noise per sample, even if there is none."""

    y: Tensor
    scale: Tensor
    shift: Tensor
    noise: Tensor


def blur(x: Tensor, padding: int, gain: float = 1.0, taps: tuple[float, ...] = FILTER) -> Tensor:
    """Compute `fir.blur`."""
    geometry = Geometry(_scaled(taps, gain), padding)
    return _filter(x, geometry, [geometry.blurred(side) for side in x.shape[2:]])


def upsample(x: Tensor) -> Tensor:
    """Compute `fir.upsample`."""
    geometry = Geometry(_scaled(FILTER, 4.0), padding=2, up=2)
    return _filter(x, geometry, [2 * side for side in x.shape[2:]])


def downsample(x: Tensor) -> Tensor:
    """Compute `fir.downsample`."""
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
    """Compute `fir.tail`, with sums in float32."""
    geometry = Geometry(_scaled(FILTER, 4.0), padding=1) if blurred else Geometry()
    # the backward pass compares with the limit, so round it to y's dtype
    held = torch.tensor(math.inf if limit is None else limit, dtype=y.dtype).item()
    return apply(_Tail, y, scale, noise, shift, geometry, held)


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
        z = run_tail(y, scale, noise, shift, geometry, limit)
        ctx.save_for_backward(y, scale, z)
        ctx.noises = 0 if noise is None else len(noise)
        ctx.geometry, ctx.limit = geometry, limit
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        y, scale, z = ctx.saved_tensors
        compute = _tail_gradients if torch.is_grad_enabled() else run_tail_backward
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
    """Compute `run_tail_backward` by operations that can be differentiated again."""
    z, wide = z.detach(), scale.dtype
    bent = torch.where(z < 0, dz * LRELU_SLOPE, dz).masked_fill(z.abs() >= limit, 0)
    back = _filter(bent, geometry.adjoint, list(y.shape[2:]))
    return TailGradients(
        y=back * scale.to(y.dtype)[..., None, None],
        scale=(back * y).sum((2, 3), dtype=wide),
        shift=bent.sum((0, 2, 3), dtype=wide),
        noise=bent.sum(1, keepdim=True, dtype=wide),
    )


def _filter(x: Tensor, geometry: Geometry, size: list[int]) -> Tensor:
    before = list(x.shape[2:])
    forward = partial(run_fir, geometry=geometry, size=size)
    return linear(x, forward, partial(run_fir, geometry=geometry.adjoint, size=before))


def _scaled(taps: tuple[float, ...], gain: float) -> tuple[float, ...]:
    # both axes together have the gain
    return tuple(tap / sum(taps) * math.sqrt(gain) for tap in taps)


def run_fir(x: Tensor, geometry: Geometry, size: Sequence[int]) -> Tensor:
    """Filter `[n, c, h, w]` to images of this height and width."""
    x = _channels_last(x)
    y = _empty(x, size)
    resampling = {"UP": geometry.up, "DOWN": geometry.down}
    constants = _constants(geometry.taps, math.inf, x)
    _run(triton_programs.fir, y, geometry, x, y, constants, *x.shape[1:], *size, **resampling)
    return y


def run_tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    geometry: Geometry,
    limit: float,
) -> Tensor:
    """Filter y, multiply by scale, add noise and shift; leaky ReLU, clamped to ±limit.

    Args:
        y: `[n, c, h, w]`.
        scale: `[n, c]`.
        noise: `[n or 1, 1, h', w']`, or None.
        shift: `[c]`.
        geometry: A filter that keeps the size.
        limit: A number that the dtype of y holds exactly.
    """
    y, scale, shift = _channels_last(y), scale.contiguous(), shift.contiguous()
    z = _empty(y, (geometry.blurred(y.shape[2]), geometry.blurred(y.shape[3])))
    # the program takes an operand here even if it does not read it
    grain = scale if noise is None else noise.contiguous()
    noises = 0 if noise is None else len(noise)
    constants = _constants(geometry.taps, limit, y)
    operands = (y, z, scale, grain, shift, constants, *y.shape[1:], *z.shape[2:])
    _run(triton_programs.tail, z, geometry, *operands, NOISES=noises)
    return z


def run_tail_backward(
    dz: Tensor, z: Tensor, y: Tensor, scale: Tensor, geometry: Geometry, limit: float
) -> TailGradients:
    """Compute the gradients of `run_tail`, given that of its result z."""
    dz, y, scale = _channels_last(dz), _channels_last(y), scale.contiguous()
    n, c = y.shape[:2]
    dy = torch.empty_like(y)
    (tiles, _, blocks), _ = _grid(y)
    constants = _constants(geometry.taps, limit, y)
    d_scale, d_shift = constants.new_empty(2, tiles, n, c)
    d_noise = constants.new_empty(blocks, n, 1, *z.shape[2:])
    sums = (d_scale, d_shift, d_noise)
    operands = (dz, z, y, scale, dy, *sums, constants, *y.shape, *z.shape[2:])
    _run(triton_programs.tail_backward, y, geometry.adjoint, *operands)
    # programs write their sums side by side: added here, they give the same bits every time
    return TailGradients(
        y=dy, scale=d_scale.sum(0), shift=d_shift.sum((0, 1)), noise=d_noise.sum(0)
    )


def _run(program: Any, result: Tensor, geometry: Geometry, *operands: Any, **others: int) -> None:
    """Launch as many programs as the result needs."""
    grid, block = _grid(result)
    others |= {"PADDING": geometry.padding, "TAPS": len(geometry.taps)}
    with torch.cuda.device_of(result):
        program[grid](*operands, PIXELS=_PIXELS, CHANNELS=block, **others)


def _grid(result: Tensor) -> tuple[tuple[int, int, int], int]:
    """Return the programs by tile of pixels, sample and block; and the channels in a block."""
    n, c, h, w = result.shape
    block = min(triton.next_power_of_2(c), 64)
    return (triton.cdiv(h * w, _PIXELS), n, triton.cdiv(c, block)), block


def _channels_last(x: Tensor) -> Tensor:
    if not (x.is_cuda or triton_programs.INTERPRETED):
        raise UsageError(
            f"its kernels run on a GPU, but the network is on {x.device}; use `device=cuda` or "
            "`backend=eager`",
            parameter="backend",
            value="triton",
        )
    return x.contiguous(memory_format=torch.channels_last)


def _empty(like: Tensor, size: Sequence[int]) -> Tensor:
    shape, form = (*like.shape[:2], *size), torch.channels_last
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=form)


def _constants(taps: tuple[float, ...], limit: float, x: Tensor) -> Tensor:
    # passed in memory, because Triton rounds numbers in its source to float32
    wide = torch.promote_types(x.dtype, torch.float32)
    return _stored((LRELU_SLOPE, limit, *taps), wide, x.device)


@lru_cache(maxsize=64)
def _stored(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device)
