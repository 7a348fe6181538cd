"""Resizing of images to the size a detector takes, which is part of a metric's definition."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.shapes import Images, Rgb


def resize_tf1(images: Rgb, side: int) -> Float[Tensor, "n 3 {side} {side}"]:
    """Resample bilinearly as in TensorFlow 1: no half-pixel centres, no antialiasing.

    Pixel i lies at i · length / side of the input. Nothing is rounded or clipped; images of that
    size stay unchanged.
    """
    rows, columns = images.shape[2:]
    x = _lerp_along(images.float(), 3, _positions(columns, side, images.device))
    return _lerp_along(x, 2, _positions(rows, side, images.device))


def resize_smooth(images: Rgb, side: int) -> Float[Tensor, "n 3 {side} {side}"]:
    """Resample bilinearly with half-pixel centres, averaging over all pixels to shrink."""
    return F.interpolate(
        images.float(), (side, side), mode="bilinear", align_corners=False, antialias=True
    )


def _positions(length: int, side: int, device: torch.device) -> Tensor:
    return torch.arange(side, dtype=torch.float64, device=device) * (length / side)


def _lerp_along(x: Tensor, axis: int, positions: Tensor) -> Tensor:
    before = positions.long()
    after = (before + 1).clamp(max=x.shape[axis] - 1)
    weight = (positions - before).to(x.dtype)
    if axis == 2:
        weight = weight[:, None]
    return torch.lerp(x.index_select(axis, before), x.index_select(axis, after), weight)


def on_white(images: Images) -> Tensor:
    """Return grey and RGB as they are, RGBA on white, of other channels the first ones."""
    if images.shape[1] != 4:
        return images[:, : 1 if images.shape[1] == 2 else 3]
    alpha = (images[:, 3:] + 1) / 2
    return images[:, :3] * alpha + 1 - alpha
