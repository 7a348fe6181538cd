"""Colour transforms, [ADA] appendix B: all of them in one affine map of each pixel."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images
from stylegan_cli.sizes import PICTURE_CHANNELS
from stylegan_cli.training.augment.draws import Draws, PerImage, Probabilities

Matrices = Float64[Tensor, "n 4 4"]


def transform_color(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Change brightness, contrast and colours; alpha, a fourth channel, stays as it is.

    Images of 2 or more than 4 channels have no colours and stay as they are.

    Grey images are taken for RGB with equal channels, and the mean of the result is kept; hue and
    saturation mean nothing to them.
    """
    channels = images.shape[1]
    if channels not in PICTURE_CHANNELS:
        return images
    matrices = color_matrices(draws, chances, colored=channels > 1)
    if channels == 1:
        mean = matrices[:, :3].mean(1)
        scale, shift = mean[:, :3].sum(1), mean[:, 3]
        return images * _per_image(scale, images) + _per_image(shift, images)
    matrices = upload(matrices.to(images.dtype), images.device)
    seen, alpha = _without_alpha(images)
    mapped = torch.baddbmm(matrices[:, :3, 3:], matrices[:, :3, :3], seen.flatten(2))
    return _with_alpha(mapped.unflatten(2, images.shape[2:]), alpha)


def color_matrices(draws: Draws, chances: Probabilities, *, colored: bool = True) -> Matrices:
    """Return maps of (r, g, b, 1), the first transform rightmost.

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
    """Swap bright and dark where 1: mirror at the plane of colours of no luma."""
    return _identity() - 2 * _wide(flip) * _luma()


def _turned(angle: PerImage) -> Matrices:
    """Rotate around the axis of greys, by Rodrigues' formula."""
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]])
    cross = torch.nn.functional.pad(cross.double(), (0, 1, 0, 1))
    kept = _luma() + torch.tensor([0, 0, 0, 1]).double().diag()
    return _wide(angle.cos()) * (_identity() - kept) + _wide(angle.sin()) * cross + kept


def _saturated(factor: PerImage) -> Matrices:
    kept = _luma() + torch.tensor([0, 0, 0, 1]).double().diag()
    return kept + _wide(factor) * (_identity() - kept)


def _luma() -> Tensor:
    """Return the projection on greys."""
    grey = torch.tensor([1, 1, 1, 0], dtype=torch.float64) / math.sqrt(3)
    return grey.outer(grey)


def _identity() -> Tensor:
    return torch.eye(4, dtype=torch.float64)


def _wide(values: PerImage) -> Tensor:
    return values[:, None, None]


def _per_image(values: Tensor, images: Images) -> Tensor:
    return upload(values.to(images.dtype), images.device)[:, None, None, None]


SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
BANDS = 4
_EXPECTED_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Power of the bands of natural images, whose spectrum falls as 1 / frequency."""


def transform_bands(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Amplify or attenuate frequency bands; alpha, a fourth channel, stays as it is."""
    height, width = images.shape[2:]
    gains = upload(band_gains(draws, chances).to(images.dtype), images.device)
    down, across = (
        torch.einsum("nb,bij->nij", gains, _band_matrices(side, images.dtype, images.device))
        for side in (height, width)
    )
    seen, alpha = _without_alpha(images)
    return _with_alpha(down[:, None] @ seen @ across.mT[:, None], alpha)


def band_gains(draws: Draws, chances: Probabilities) -> Float64[Tensor, "n 4"]:
    """Return the gain of each band in each image; the expected power of an image stays."""
    power = torch.tensor(_EXPECTED_POWER, dtype=torch.float64)
    gains = torch.ones(len(draws.noise_seeds), BANDS, dtype=torch.float64)
    for band in range(BANDS):
        name = f"band{band}"
        changed = torch.ones_like(gains)
        changed[:, band] = draws.choose(name, chances["filter"], draws.normals[name].exp2(), 1.0)
        gains = gains * changed / (power * changed.square()).sum(1, keepdim=True).sqrt()
    return gains


def filter_bank() -> Float64[Tensor, "4 43"]:
    """Return zero-phase filters of the bands, the lowest first; their sum is an impulse."""
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * torch.tensor([1, -1, 1, -1])
    halves = [_autocorrelation(taps) / 2 for taps in (low, high)]
    bank = torch.eye(BANDS, 1, dtype=torch.float64)
    for band in range(1, BANDS):
        stuffed = torch.stack([bank, torch.zeros_like(bank)], dim=2).flatten(1)[:, :-1]
        bank = _convolved(stuffed, halves[0])
        middle = bank.shape[1] // 2
        bank[band, middle - 3 : middle + 4] += halves[1]
    return bank


def _autocorrelation(taps: Tensor) -> Tensor:
    return _convolved(taps[None], taps.flip(0))[0]


def _convolved(rows: Tensor, taps: Tensor) -> Tensor:
    """Convolve each row in full."""
    return torch.conv1d(rows[:, None], taps.flip(0)[None, None], padding=len(taps) - 1)[:, 0]


@lru_cache(maxsize=32)
def _band_matrices(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return each band's filter of a row continued by its mirror image, `[4, side, side]`."""
    bank = filter_bank()
    reach = bank.shape[1] // 2
    places = torch.arange(side)[:, None] + torch.arange(-reach, reach + 1)
    period = max(2 * (side - 1), 1)
    wrapped = places % period
    sources = torch.minimum(wrapped, period - wrapped)
    matrices = torch.zeros(BANDS, side, side, dtype=torch.float64)
    matrices.scatter_add_(2, sources.expand(BANDS, -1, -1), bank[:, None].expand(-1, side, -1))
    with torch.inference_mode(False):
        return matrices.to(device, dtype)


def add_noise(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Add normal noise, of one strength for each image; alpha, a fourth channel, stays as it is."""
    strength = draws.choose("noise", chances["noise"], 0.1 * draws.normals["noise"].abs(), 0.0)
    seen, alpha = _without_alpha(images)
    noise = torch.stack([_noise(seen[0], seed) for seed in draws.noise_seeds])
    noise = noise * upload(strength.to(images.dtype), images.device)[:, None, None, None]
    return _with_alpha(seen + noise, alpha)


def cut_out(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Set a rectangle of half the height and width to zero, in all channels."""
    height, width = images.shape[2:]
    hit = upload(draws.happens("cutout", chances["cutout"]), images.device)
    x, y = (
        _covered(upload(draws.uniforms[name].to(images.dtype), images.device), side)
        for name, side in (("cutout_x", width), ("cutout_y", height))
    )
    covered = hit[:, None, None] & y[:, :, None] & x[:, None]
    return images * ~covered[:, None]


def _without_alpha(images: Images) -> tuple[Tensor, Tensor | None]:
    """Part colours from alpha, which only images of four channels have."""
    return (images[:, :3], images[:, 3:]) if images.shape[1] == 4 else (images, None)


def _with_alpha(seen: Tensor, alpha: Tensor | None) -> Images:
    return seen if alpha is None else torch.cat([seen, alpha], dim=1)


def _noise(image: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(image.device).manual_seed(seed)
    return torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)


def _covered(centres: Tensor, side: int) -> Tensor:
    places = (torch.arange(side, device=centres.device) + 0.5) / side
    return (places - centres[:, None]).abs() < 0.25
