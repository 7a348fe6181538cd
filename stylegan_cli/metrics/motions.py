"""Equivariance in dB, [SG3] section 2 and appendix E: images should move with their input.

EQ-T shifts by whole pixels, EQ-T frac by fractions of them, EQ-R rotates. The image of a moved
input is compared with the image moved by a filter, where that filter lies inside the image.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from stylegan_cli.latents.labels import usual_label
from stylegan_cli.latents.sampling import map_latents, truncate
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ops.filtered_lrelu import Filter, expand, upsampling
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Images

Mask = Bool[Tensor, "height width"]
Matrix = Float[Tensor, "3 3"]

LANCZOS = 3
"""Lobes of the Lanczos window on each side."""
SHIFT_SHARE = 1 / 8
"""Pictures move by at most this share of their width."""
_UP, _REACH, _LATTICE = 4, 6, 64
"""Oversampling for rotations, reach of their filters in pixels, reach before cutting."""


@torch.no_grad()
def differences(
    network: Network, samples: range, *, seed: int, psi: float, chosen: int | None
) -> dict[str, np.ndarray]:
    """Measure squared differences and counted pixels for every sample and kind of motion.

    A sample's code and motions follow from (seed, its number) alone.

    Args:
        chosen: The class of all samples; None draws one for each, if there are classes.
    """
    found = np.array([_of_sample(network, seed, i, psi=psi, chosen=chosen) for i in samples])
    return {"squares": found[..., 0], "counts": found[..., 1]}


def _of_sample(
    network: Network, seed: int, sample: int, *, psi: float, chosen: int | None
) -> list[tuple[float, float]]:
    """Measure the differences of one sample for each kind of motion."""
    G, side = network.G, network.G.size.width
    stream = numpy_stream(seed, "equivariance", sample)
    z = stream.standard_normal((1, G.z_dim)).astype(np.float32)
    shifts = ((2 * stream.random(4) - 1) * SHIFT_SHARE).tolist()
    angle = float((2 * stream.random() - 1) * math.pi)
    label = np.zeros((1, G.c_dim), np.float32)
    if G.c_dim:
        label[0] = usual_label(network, int(stream.integers(G.c_dim)) if chosen is None else chosen)
    x, y = (round(share * side) for share in shifts[:2])
    matrices = (
        torch.eye(3, dtype=torch.float64),
        translation(x / side, y / side),
        translation(*shifts[2:]),
        rotation(angle),
    )
    w = truncate(map_latents(G, z, label)[:, None], G.mapping.w_avg, psi)
    every = w.expand(-1, G.num_ws, -1).expand(len(matrices), -1, -1)
    moved = G.synthesis.moved(every, "none", torch.stack(matrices).to(w))
    plain, whole, fractional, turned = moved.split(1)
    filtered, seen = pseudo_rotate(turned, angle)
    expected, mask = rotate(plain, angle)
    return [
        difference(*whole_shift(plain, x, y), whole),
        difference(*fractional_shift(plain, *(share * side for share in shifts[2:])), fractional),
        difference(expected, mask & seen, filtered),
    ]


def difference(expected: Images, mask: Mask, found: Images) -> tuple[float, float]:
    """Return the sum of squared differences of pictures, and how many numbers it is of.

    Args:
        mask: Pixels that count.
    """
    squares = (expected.double() - found.double()).square() * mask
    count = float(mask.sum() * expected.shape[0] * expected.shape[1])
    return squares.sum().item(), count


def decibels(squares: float, count: float) -> float:
    """Return the peak signal-to-noise ratio of pictures in [−1, 1]; infinite if they are equal."""
    if not squares:
        return math.inf
    return float(20 * math.log10(2) - 10 * math.log10(squares / count))


def translation(x: float, y: float) -> Matrix:
    """Move a picture right by x and down by y, in image widths."""
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def rotation(angle: float) -> Matrix:
    """Turn a picture counter-clockwise by an angle in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], dtype=torch.float64)


def whole_shift(images: Images, x: int, y: int) -> tuple[Images, Mask]:
    """Move pictures right by x and down by y pixels; also return a mask of the covered pixels."""
    height, width = images.shape[2:]
    moved = F.pad(images, (x, -x, y, -y))
    return moved, _arrives(height, y, 0, images)[:, None] & _arrives(width, x, 0, images)


def fractional_shift(images: Images, x: float, y: float) -> tuple[Images, Mask]:
    """Move pictures as `whole_shift` does, between pixels, by a six-tap Lanczos filter."""
    moved, masks = images, []
    for axis, shift in ((2, y), (3, x)):
        whole = math.floor(shift)
        taps = torch.arange(1 - LANCZOS, LANCZOS + 1, dtype=torch.float64) - (shift - whole)
        line = torch.sinc(taps) * torch.sinc(taps / LANCZOS)
        line = (line / line.sum()).to(images)
        # tap t moves the pixel whole + t positions before
        reach = (LANCZOS + whole, LANCZOS - 1 - whole)
        kernel = line.flip(0).expand(images.shape[1], 1, -1)
        padded = F.pad(moved, (0, 0, *reach) if axis == 2 else reach)
        kernel = kernel[..., None] if axis == 2 else kernel[:, :, None]
        moved = F.conv2d(padded, kernel, groups=images.shape[1])
        masks.append(_arrives(images.shape[axis], whole, LANCZOS, images))
    return moved, masks[0][:, None] & masks[1]


def rotate(images: Images, angle: float) -> tuple[Images, Mask]:
    """Rotate pictures counter-clockwise with a filter that stays within both bands.

    The picture must be square.
    """
    matrix = rotation(angle)
    taps = rotation_filter(matrix, _UP).to(images)
    side, margin = images.shape[3], len(taps) // 2
    canvas = _upsampled(images, taps, margin)
    grid = _turned_grid(matrix, side, margin).to(images)
    turned = F.grid_sample(canvas, grid.expand(len(images), -1, -1, -1), align_corners=False)
    inner = images.new_zeros(1, 1, *canvas.shape[2:])
    rim = 2 * margin + 1
    inner[:, :, rim:-rim, rim:-rim] = 1
    mask = F.grid_sample(inner, grid, mode="nearest", align_corners=False)
    return turned, mask[0, 0] > 0


def pseudo_rotate(images: Images, angle: float) -> tuple[Images, Mask]:
    """Filter pictures as `rotate` does at this angle, without rotating them."""
    taps = rotation_filter(rotation(-angle), 1).to(images)
    reach = len(taps) // 2
    kernel = taps.flip((0, 1)).expand(images.shape[1], 1, -1, -1)
    filtered = F.conv2d(images, kernel, padding=reach, groups=images.shape[1])
    mask = torch.zeros(images.shape[2:], dtype=torch.bool, device=images.device)
    mask[reach:-reach, reach:-reach] = True
    return filtered, mask


def rotation_filter(matrix: Matrix, up: int) -> Float[Tensor, "taps taps"]:
    """Return a filter within the bands of both pictures, sampled `up` times per pixel."""
    count = _LATTICE * up - 1
    line = torch.arange(-count, count + 1, dtype=torch.float64) / up
    y, x = torch.meshgrid(line, line, indexing="ij")
    turned = torch.einsum("ij,jyx->iyx", matrix[:2, :2].double(), torch.stack([x, y]))
    ideal, window = (
        _cyclic_convolution(f(x) * f(y), f(turned[0]) * f(turned[1]))
        for f in (torch.sinc, _lanczos_window)
    )
    cut = count - (_REACH * up - 1)
    taps = (ideal * window)[cut:-cut, cut:-cut]
    phases = F.pad(taps, (0, 1, 0, 1)).reshape(2 * _REACH, up, 2 * _REACH, up)
    phases = phases / (phases.sum((0, 2), keepdim=True) * up**2)
    return phases.reshape(2 * _REACH * up, -1)[:-1, :-1]


def _arrives(length: int, shift: int, taps: int, like: Tensor) -> Bool[Tensor, " length"]:
    """Return a mask of the positions on a line for which all taps of a shift lie on it."""
    p = torch.arange(length, device=like.device)
    first, last = (shift + taps, shift - max(taps - 1, 0)) if taps else (shift, shift)
    return (p >= max(first, 0)) & (p < length + min(last, 0))


def _lanczos_window(x: Tensor) -> Tensor:
    return torch.where(x.abs() < LANCZOS, torch.sinc(x / LANCZOS), 0.0)


def _cyclic_convolution(a: Tensor, b: Tensor) -> Tensor:
    spectra = torch.fft.fft2(torch.fft.ifftshift(a)) * torch.fft.fft2(torch.fft.ifftshift(b))
    product: Tensor = torch.fft.fftshift(torch.fft.ifft2(spectra).real)
    return product


def _upsampled(images: Images, taps: Tensor, margin: int) -> Tensor:
    """Return the picture on a grid `_UP` times as fine, with a margin of fine samples all round."""
    padding = margin + (len(taps) + _UP - 1) // 2, margin + (len(taps) - _UP) // 2
    height, width = images.shape[2:]
    found = Filter.of(taps)
    assert found is not None
    grid = upsampling((height, width), found, _UP, padding, _UP)
    fine = expand(images, grid)
    return fine[:, :, : height * _UP + 2 * margin, : width * _UP + 2 * margin]


def _turned_grid(matrix: Matrix, side: int, margin: int) -> Float[Tensor, "1 side side 2"]:
    """Return each rotated pixel's position on the fine canvas, in `grid_sample` coordinates."""
    theta = torch.linalg.inv(matrix)[:2].clone()
    theta[:, 2] *= 2
    # zero insertion puts a pixel at the first of its fine samples, half a sample early
    theta[:, 2] += 1 / (_UP * side)
    theta *= side / (side + 2 * margin / _UP)
    return F.affine_grid(theta[None], [1, 1, side, side], align_corners=False)
