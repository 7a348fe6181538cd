"""Resampling of images: by the wavelet sym6, and at any positions.

All of it can be differentiated any number of times, because each operation is the adjoint of
another up to a factor. The wavelet is orthogonal: halving a doubled image restores it.
"""

from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.ops.autograd import linear

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
REACH = 3
"""Neighbours on each side that a pixel of the doubled image depends on."""
_TILE = 16


def double(x: Tensor) -> Tensor:
    """Double the size by convolution with sym6; DC gain 1, zeros outside."""
    return linear(x, partial(_double, gain=1.0), partial(_halve, gain=1.0))


def halve(x: Tensor) -> Tensor:
    """Halve the size: a quarter of the adjoint of `double`, and its inverse."""
    return linear(x, partial(_halve, gain=0.25), partial(_double, gain=0.25))


def _double(x: Tensor, gain: float) -> Tensor:
    return _double_rows(_double_rows(x).mT).mT * gain


def _halve(x: Tensor, gain: float) -> Tensor:
    return _halve_rows(_halve_rows(x).mT).mT * gain


def _double_rows(x: Tensor) -> Tensor:
    """Double the length of rows, by multiplying tiles of them with one small matrix."""
    length = x.shape[-1]
    tile, tiles = _tiling(length)
    around = (REACH, tile * tiles - length + REACH)
    windows = F.pad(x, around).unfold(-1, tile + 2 * REACH, tile)
    return _multiplied(windows, _matrix(tile, x.dtype, x.device))[..., : 2 * length]


def _halve_rows(x: Tensor) -> Tensor:
    """Halve the length of rows; the adjoint of `_double_rows`."""
    length = x.shape[-1] // 2
    tile, tiles = _tiling(length)
    around = (2 * REACH, 2 * (tile * tiles - length) + 2 * REACH)
    windows = F.pad(x, around).unfold(-1, 2 * tile + 4 * REACH, 2 * tile)
    return _multiplied(windows, _adjoint(tile, x.dtype, x.device))[..., :length]


def _multiplied(windows: Tensor, matrix: Tensor) -> Tensor:
    """Multiply each window with the matrix and join the results to rows."""
    # one large product: with strided windows PyTorch makes many small ones, five times slower
    flat = windows.reshape(-1, windows.shape[-1]) @ matrix
    return flat.reshape(*windows.shape[:-2], -1)


def _tiling(length: int) -> tuple[int, int]:
    """Return the length of a tile and how many tiles cover a row."""
    tiles = max(1, round(length / _TILE))
    return -(-length // tiles), tiles


@lru_cache(maxsize=64)
def _matrix(tile: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `[tile + 6, 2 · tile]`, from pixels and their neighbours to the doubled image."""
    taps = torch.tensor(SYM6, dtype=torch.float64)
    taps = 2 * taps / taps.sum()
    source = torch.arange(-REACH, tile + REACH)[:, None]
    tap = torch.arange(2 * tile) + 5 - 2 * source
    with torch.inference_mode(False):
        matrix = torch.where((tap >= 0) & (tap < 12), taps[tap.clamp(0, 11)], 0.0)
        return matrix.to(device, dtype)


@lru_cache(maxsize=64)
def _adjoint(tile: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `[2 · tile + 12, tile]`, from the doubled image back to pixels."""
    wide = _matrix(tile + 2 * REACH, dtype, device)
    with torch.inference_mode(False):
        return wide[2 * REACH : -2 * REACH].T.contiguous()


def sample_bilinear(images: Tensor, grid: Tensor) -> Tensor:
    """Interpolate images between their pixels, with zeros outside.

    Args:
        images: `[n, c, h, w]`.
        grid: `[n, h', w', 2]`: x and y of each value, −1 and 1 at the outer edges of the image.
            Gets no gradient.
    """
    grid = grid.detach()
    sample = partial(F.grid_sample, grid=grid, align_corners=False)
    return linear(images, sample, partial(_spread, grid=grid, shape=images.shape))


def _spread(dy: Tensor, grid: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Add each value to the pixels it would be sampled from."""
    # this gradient depends on the shape of the images only
    stand_in = dy.new_empty(1).expand(shape)
    bilinear, zeros = 0, 0
    dx: Tensor = torch.ops.aten.grid_sampler_2d_backward(
        dy.contiguous(), stand_in, grid, bilinear, zeros, False, [True, False]
    )[0]
    return dx
