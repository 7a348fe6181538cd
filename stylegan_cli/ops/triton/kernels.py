"""Filters and a layer's tail as Triton kernels: one pass over memory each way.

Feature maps come out channels last. Nothing here knows gradients.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import triton
from torch import Tensor

from stylegan_cli.errors import UsageError
from stylegan_cli.ops.reference import LRELU_SLOPE
from stylegan_cli.ops.triton import programs

_PIXELS = 32


@dataclass(frozen=True)
class Geometry:
    """A symmetric filter: zeros between pixels, taps along both axes, every `down`-th result.

    Attributes:
        taps: Applied along each axis, so a gain in them counts twice.
        padding: Zeros before each axis of the stuffed image.
    """

    taps: tuple[float, ...] = (1.0,)
    padding: int = 0
    up: int = 1
    down: int = 1

    @property
    def adjoint(self) -> "Geometry":
        """The filter that carries gradients back."""
        return Geometry(self.taps, len(self.taps) - 1 - self.padding, self.down, self.up)

    def blurred(self, size: int) -> int:
        """Side of the result for an image of this side, with the same padding on both ends."""
        return size + 2 * self.padding + 1 - len(self.taps)


@dataclass(frozen=True, kw_only=True)
class TailGradients:
    """Gradients of what a tail takes in; that of noise for each sample, even if there is none."""

    y: Tensor
    scale: Tensor
    shift: Tensor
    noise: Tensor


def fir(x: Tensor, geometry: Geometry, size: tuple[int, int]) -> Tensor:
    """Filter x, `[n, c, h, w]`, to images of this height and width."""
    x = _channels_last(x)
    y = _empty(x, size)
    resampling = {"UP": geometry.up, "DOWN": geometry.down}
    constants = _constants(geometry.taps, math.inf, x)
    _run(programs.fir, y, geometry, x, y, constants, *x.shape[1:], *size, **resampling)
    return y


def tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    geometry: Geometry,
    limit: float,
) -> Tensor:
    """Filter y, times scale, plus noise and shift; leaky ReLU, clamped to ±limit.

    Args:
        y: `[n, c, h, w]`.
        scale: `[n, c]`.
        noise: `[n or 1, 1, h', w']`, or None.
        shift: `[c]`.
        geometry: Neither doubles nor halves.
        limit: One that the dtype of y can hold.
    """
    y, scale, shift = _channels_last(y), scale.contiguous(), shift.contiguous()
    z = _empty(y, (geometry.blurred(y.shape[2]), geometry.blurred(y.shape[3])))
    # an operand must be there even where nobody reads it
    grain = scale if noise is None else noise.contiguous()
    noises = 0 if noise is None else len(noise)
    constants = _constants(geometry.taps, limit, y)
    operands = (y, z, scale, grain, shift, constants, *y.shape[1:], *z.shape[2:])
    _run(programs.tail, z, geometry, *operands, NOISES=noises)
    return z


def tail_backward(
    dz: Tensor, z: Tensor, y: Tensor, scale: Tensor, geometry: Geometry, limit: float
) -> TailGradients:
    """Gradients of `tail` given that of its result z."""
    dz, y, scale = _channels_last(dz), _channels_last(y), scale.contiguous()
    n, c = y.shape[:2]
    dy = torch.empty_like(y)
    (tiles, _, blocks), _ = _grid(y)
    constants = _constants(geometry.taps, limit, y)
    d_scale, d_shift = constants.new_empty(2, tiles, n, c)
    d_noise = constants.new_empty(blocks, n, 1, *z.shape[2:])
    sums = (d_scale, d_shift, d_noise)
    operands = (dz, z, y, scale, dy, *sums, constants, *y.shape, *z.shape[2:])
    _run(programs.tail_backward, y, geometry.adjoint, *operands)
    # programs leave their sums side by side: added up here, they are the same bits every time
    return TailGradients(
        y=dy, scale=d_scale.sum(0), shift=d_shift.sum((0, 1)), noise=d_noise.sum(0)
    )


def _run(program: Any, result: Tensor, geometry: Geometry, *operands: Any, **others: int) -> None:
    """Start as many programs as the result needs."""
    grid, block = _grid(result)
    others |= {"PADDING": geometry.padding, "TAPS": len(geometry.taps)}
    with torch.cuda.device_of(result):
        program[grid](*operands, PIXELS=_PIXELS, CHANNELS=block, **others)


def _grid(result: Tensor) -> tuple[tuple[int, int, int], int]:
    """Programs by tile of pixels, sample and block of channels; channels in a block."""
    n, c, h, w = result.shape
    block = min(triton.next_power_of_2(c), 64)
    return (triton.cdiv(h * w, _PIXELS), n, triton.cdiv(c, block)), block


def _channels_last(x: Tensor) -> Tensor:
    if not (x.is_cuda or programs.INTERPRETED):
        raise UsageError(
            f"backend triton: its kernels run on a GPU, the network is on {x.device}; "
            "use --device cuda or --backend eager"
        )
    return x.contiguous(memory_format=torch.channels_last)


def _empty(like: Tensor, size: tuple[int, int]) -> Tensor:
    shape, form = (*like.shape[:2], *size), torch.channels_last
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=form)


def _constants(taps: tuple[float, ...], limit: float, x: Tensor) -> Tensor:
    # in memory, because Triton rounds the numbers of its source to float32
    wide = torch.promote_types(x.dtype, torch.float32)
    return _stored((LRELU_SLOPE, limit, *taps), wide, x.device)


@lru_cache(maxsize=64)
def _stored(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device)
