"""Colour transforms, [ADA] appendix B: all of them in one affine map of each pixel."""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.draws import Draws, PerImage, Probabilities

Matrices = Float64[Tensor, "n 4 4"]


def transform_color(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Change brightness, contrast and colours; alpha, a fourth channel, stays as it is.

    Grey images are taken for RGB with equal channels, and the mean of the result is kept; hue and
    saturation mean nothing to them.
    """
    channels = images.shape[1]
    matrices = color_matrices(draws, chances, colored=channels > 1)
    if channels == 1:
        mean = matrices[:, :3].mean(1)
        scale, shift = mean[:, :3].sum(1), mean[:, 3]
        return images * _per_image(scale, images) + _per_image(shift, images)
    matrices = upload(matrices.to(images.dtype), images.device)
    flat = images[:, :3].flatten(2)
    mapped = torch.baddbmm(matrices[:, :3, 3:], matrices[:, :3, :3], flat)
    mapped = mapped.unflatten(2, images.shape[2:])
    return mapped if channels == 3 else torch.cat([mapped, images[:, 3:]], dim=1)


def color_matrices(draws: Draws, chances: Probabilities, *, colored: bool = True) -> Matrices:
    """Maps of (r, g, b, 1), the first transform rightmost.

    Args:
        colored: False leaves out hue and saturation.
    """
    normals, uniforms = draws.normals, draws.uniforms
    brightness = draws.choose("brightness", chances["brightness"], 0.2 * normals["brightness"], 0.0)
    contrast = draws.choose(
        "contrast", chances["contrast"], (0.5 * normals["contrast"]).exp2(), 1.0
    )
    flip = draws.choose("luma_flip", chances["luma_flip"], (uniforms["luma_flip"] * 2).floor(), 0.0)
    matrices = _mirrored(flip) @ _scaled(contrast) @ _brightened(brightness)
    if not colored:
        return matrices
    angle = draws.choose("hue", chances["hue"], (uniforms["hue"] * 2 - 1) * math.pi, 0.0)
    saturation = draws.choose(
        "saturation", chances["saturation"], normals["saturation"].exp2(), 1.0
    )
    return _saturated(saturation) @ _turned(angle) @ matrices


def _brightened(amount: PerImage) -> Matrices:
    matrices = torch.eye(4, dtype=torch.float64).repeat(len(amount), 1, 1)
    matrices[:, :3, 3] = amount[:, None]
    return matrices


def _scaled(factor: PerImage) -> Matrices:
    one = torch.ones_like(factor)
    return torch.stack([factor, factor, factor, one], dim=1).diag_embed()


def _mirrored(flip: PerImage) -> Matrices:
    """Bright for dark where 1: mirrored at the plane of colours of no luma."""
    return _identity() - 2 * _wide(flip) * _luma()


def _turned(angle: PerImage) -> Matrices:
    """Rodrigues' rotation around the axis of greys."""
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]])
    cross = torch.nn.functional.pad(cross.double(), (0, 1, 0, 1))
    kept = _luma() + torch.tensor([0, 0, 0, 1]).double().diag()
    return _wide(angle.cos()) * (_identity() - kept) + _wide(angle.sin()) * cross + kept


def _saturated(factor: PerImage) -> Matrices:
    kept = _luma() + torch.tensor([0, 0, 0, 1]).double().diag()
    return kept + _wide(factor) * (_identity() - kept)


def _luma() -> Tensor:
    """Projection on greys."""
    grey = torch.tensor([1, 1, 1, 0], dtype=torch.float64) / math.sqrt(3)
    return grey.outer(grey)


def _identity() -> Tensor:
    return torch.eye(4, dtype=torch.float64)


def _wide(values: PerImage) -> Tensor:
    return values[:, None, None]


def _per_image(values: Tensor, images: Images) -> Tensor:
    return upload(values.to(images.dtype), images.device)[:, None, None, None]
