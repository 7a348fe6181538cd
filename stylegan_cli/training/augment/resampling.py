"""Affine maps of images without aliasing, [ADA] appendix B.3."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.ops.sampling import sample_bilinear
from stylegan_cli.ops.wavelet import REACH, double, halve
from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images

Matrices = Float64[Tensor, "n 3 3"]


def resample(images: Images, matrices: Matrices) -> Images:
    """Each image as its matrix shows it: doubled, sampled bilinearly, and halved again.

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
    """Pixels around an image of which some are looked at, at most one less than its side."""

    left: int
    right: int
    top: int
    bottom: int


def _margins(matrices: Matrices, width: int, height: int) -> _Margins:
    """Margins that suffice for every image, so that no result depends on the others' needs."""
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
    """Where in the doubled image with its margins each value lies, for `sample_bilinear`."""
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
    """Pixels of the doubled result and around it, in pixels of the image from its centre."""
    places = torch.arange(2 * (side + 2 * REACH), device=images.device, dtype=images.dtype)
    return places / 2 - (side - 1) / 2 - REACH
