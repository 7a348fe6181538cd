"""Blur of the first images that D sees, to keep it from judging by details, [SG3] appendix F."""

import math

import torch
from torch import Tensor

from stylegan_cli.recipe import Settled
from stylegan_cli.shapes import Images


def blur_sigma(recipe: Settled, cur_nimg: int) -> float:
    """Return the width of the blur in pixels, which decreases linearly to 0."""
    loss = recipe.loss
    if not loss.blur_sigma:
        return 0.0
    return float(loss.blur_sigma * max(1 - cur_nimg / (loss.blur_fade_kimg * 1000), 0))


def blurred(images: Images, sigma: float) -> Images:
    """Filter images with `2^−(d/σ)²` up to 3 σ, zeros outside; differentiable to any order."""
    reach = math.floor(3 * sigma)
    if reach == 0:
        return images
    height, width = images.shape[2:]
    return _band(height, sigma, reach, images) @ images @ _band(width, sigma, reach, images)


def _band(size: int, sigma: float, reach: int, like: Tensor) -> Tensor:
    """Return the filter as a symmetric matrix, `[size, size]`."""
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64, device=like.device)
    total = torch.exp2(-(offsets / sigma).square()).sum()
    position = torch.arange(size, dtype=torch.float64, device=like.device)
    distance = (position[:, None] - position).abs()
    taps = torch.exp2(-(distance / sigma).square()) / total
    return torch.where(distance <= reach, taps, 0).to(like.dtype)
