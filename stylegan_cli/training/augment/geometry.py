"""Pixel blitting and geometric transforms, [ADA] appendix B: all of them in one resampling.

It can be differentiated any number of times, because each operation is the adjoint of another up to
a factor. The wavelet sym6 is orthogonal: halving a doubled image restores it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.ops.autograd import linear
from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.draws import Draws, PerImage, Probabilities

Matrices = Float64[Tensor, "n 3 3"]


def resample(images: Images, matrices: Matrices) -> Images:
    """Resample each image by its matrix: doubled, sampled bilinearly, and halved again.

    What comes in from outside is the mirror image; farther away than one image is zero.

    Args:
        matrices: On the CPU: from pixels of the result to those it shows, origin in the centre.
    """
    height, width = images.shape[2:]
    margins = _margins(matrices, width, height)
    fine = double(_mirrored(images, margins))
    values = sample_bilinear(fine, _grid(matrices, margins, images))
    return halve(values)[..., REACH:-REACH, REACH:-REACH]


@dataclass(frozen=True)
class _Margins:
    """The pixels read around an image, at most one less than its side."""

    left: int
    right: int
    top: int
    bottom: int


def _margins(matrices: Matrices, width: int, height: int) -> _Margins:
    """Return margins that suffice for every image, so that no result depends on other images."""
    right, bottom = (width - 1) / 2, (height - 1) / 2
    # pixels of the result that count, those around for the filter, and half of one more
    xs = torch.tensor([-right - REACH, right + REACH + 0.5], dtype=torch.float64)
    ys = torch.tensor([-bottom - REACH, bottom + REACH + 0.5], dtype=torch.float64)
    corners = torch.stack([*torch.meshgrid(xs, ys, indexing="ij"), torch.ones(2, 2)])
    seen = (matrices @ corners.double().flatten(1))[:, :2]
    around = REACH + 1
    before, after = -seen.amin((0, 2)) + around, seen.amax((0, 2)) + around
    (left, top), (more_right, more_bottom) = before.tolist(), after.tolist()
    return _Margins(
        left=_whole(left - right, width),
        right=_whole(more_right - right, width),
        top=_whole(top - bottom, height),
        bottom=_whole(more_bottom - bottom, height),
    )


def _whole(margin: float, side: int) -> int:
    return min(max(math.ceil(margin), 0), side - 1)


def _mirrored(images: Images, margins: _Margins) -> Tensor:
    return F.pad(images, (margins.left, margins.right, margins.top, margins.bottom), "reflect")


def _grid(matrices: Matrices, margins: _Margins, images: Images) -> Tensor:
    """Return where each value lies in the doubled image with margins, for `sample_bilinear`."""
    height, width = images.shape[2:]
    inner = torch.tensor([width, height], dtype=torch.float64)
    first = torch.tensor([margins.left, margins.top]) + (inner - 1) / 2
    last = torch.tensor([margins.right, margins.bottom]) + (inner - 1) / 2
    whole = first + last + 1
    # pixel c from the centre is pixel 2 (c + first) of the doubled image, at its centre
    affine = matrices[:, :2] * (2 / whole)[:, None]
    affine[:, :, 2] += (2 * first + 0.5) / whole - 1
    a, b, c = upload(affine.to(images.dtype), images.device).unbind(2)
    x, y = (_places(side, images) for side in (width, height))
    return a[:, None, None] * x[:, None] + b[:, None, None] * y[:, None, None] + c[:, None, None]


def _places(side: int, images: Images) -> Tensor:
    """Return the pixels of and around the doubled result, in image pixels from its centre."""
    places = torch.arange(2 * (side + 2 * REACH), device=images.device, dtype=images.dtype)
    return places / 2 - (side - 1) / 2 - REACH


def transform_geometry(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Flip, rotate, move and scale images; outside, they are continued by their mirror images.

    Farther away than one image is zero.
    """
    height, width = images.shape[2:]
    return resample(images, inverse_matrices(draws, chances, width, height))


def inverse_matrices(draws: Draws, chances: Probabilities, width: int, height: int) -> Matrices:
    """Return maps from result pixels to image pixels: x right, y down, origin in the centre."""
    return (
        _blits(draws, chances, width, height)
        @ _turned_scales(draws, chances)
        @ _fractional_shift(draws, chances, width, height)
    )


def _blits(draws: Draws, chances: Probabilities, width: int, height: int) -> Matrices:
    uniforms, p = draws.uniforms, chances
    flip = draws.choose("x_flip", p["x_flip"], (uniforms["x_flip"] * 2).floor(), 0.0)
    # a quarter turn of a rectangle would not fit, so half turns only
    step = 1 if width == height else 2
    turns = (uniforms["rotate90"] * 4 / step).floor() * step
    quarters = draws.choose("rotate90", p["rotate90"], turns, 0.0)
    x, y = (
        draws.choose("x_int", p["x_int"], (uniforms[name] * 2 - 1) / 8 * side, 0.0).round()
        for name, side in (("x_int", width), ("y_int", height))
    )
    turn = _rotation(math.pi / 2 * quarters)
    return _scaling(1 - 2 * flip, torch.ones_like(flip)) @ turn @ _translation(-x, -y)


def _turned_scales(draws: Draws, chances: Probabilities) -> Matrices:
    normals, uniforms = draws.normals, draws.uniforms
    size = draws.choose("scale", chances["scale"], (0.2 * normals["scale"]).exp2(), 1.0)
    aspect = draws.choose("aniso", chances["aniso"], (0.2 * normals["aniso"]).exp2(), 1.0)
    # so that at least one of the two rotations happens with the probability asked for
    once = 1 - math.sqrt(1 - min(chances["rotate"], 1))
    before, after = (
        _rotation(draws.choose(name, once, (uniforms[name] * 2 - 1) * math.pi, 0.0))
        for name in ("rotate_before", "rotate_after")
    )
    return _scaling(1 / size, 1 / size) @ before @ _scaling(1 / aspect, aspect) @ after


def _fractional_shift(draws: Draws, chances: Probabilities, width: int, height: int) -> Matrices:
    x, y = (
        draws.choose("x_frac", chances["x_frac"], draws.normals[name] / 8 * side, 0.0)
        for name, side in (("x_frac", width), ("y_frac", height))
    )
    return _translation(-x, -y)


def _scaling(x: PerImage, y: PerImage) -> Matrices:
    return torch.stack([x, y, torch.ones_like(x)], dim=1).diag_embed()


def _rotation(angle: PerImage) -> Matrices:
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _affine((cos, -sin, zero), (sin, cos, zero))


def _translation(x: PerImage, y: PerImage) -> Matrices:
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _affine((one, zero, x), (zero, one, y))


def _affine(*rows: tuple[PerImage, PerImage, PerImage]) -> Matrices:
    """Return matrices of these two rows and (0, 0, 1)."""
    zero, one = torch.zeros_like(rows[0][0]), torch.ones_like(rows[0][0])
    return torch.stack([*rows[0], *rows[1], zero, zero, one], dim=1).reshape(-1, 3, 3)


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
