"""Pixel blitting and geometric transforms, [ADA] appendix B: all of them in one resampling."""

import math

import torch

from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.draws import Draws, PerImage, Probabilities
from stylegan_cli.training.augment.resampling import Matrices, resample


def transform_geometry(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Flip, turn, move and scale images; what comes in from outside is their mirror image.

    Farther away than one image is zero.
    """
    height, width = images.shape[2:]
    return resample(images, inverse_matrices(draws, chances, width, height))


def inverse_matrices(draws: Draws, chances: Probabilities, width: int, height: int) -> Matrices:
    """From pixels of each result to those they show: x right, y down, origin in the centre."""
    return (
        _blits(draws, chances, width, height)
        @ _turned_scales(draws, chances)
        @ _fractional_shift(draws, chances, width, height)
    )


def _blits(draws: Draws, chances: Probabilities, width: int, height: int) -> Matrices:
    uniforms, p = draws.uniforms, chances
    flip = draws.choose("x_flip", p["x_flip"], (uniforms["x_flip"] * 2).floor(), 0.0)
    quarters = draws.choose("rotate90", p["rotate90"], (uniforms["rotate90"] * 4).floor(), 0.0)
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
    # so that at least one of the two rotations has the probability asked for
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
    """Matrices of these two rows and (0, 0, 1)."""
    zero, one = torch.zeros_like(rows[0][0]), torch.ones_like(rows[0][0])
    return torch.stack([*rows[0], *rows[1], zero, zero, one], dim=1).reshape(-1, 3, 3)
