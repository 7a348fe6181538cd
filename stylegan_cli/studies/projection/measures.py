"""Measures of how near a projection came, on finished 8-bit pictures."""

from math import inf, log10

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.shapes import Picture

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
PLAIN_BELOW = 32
"""Smaller pictures are compared at one scale."""


def psnr(a: Picture, b: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB: −10 · log10 of the MSE on [0, 1]."""
    error = float(np.square((a.astype(np.float64) - b) / 255).mean())
    return -10 * log10(error) if error else inf


def scale_count(side: int) -> int:
    """Return at how many scales pictures of this shorter side are compared."""
    if side < PLAIN_BELOW:
        return 1
    return min(len(SCALE_WEIGHTS), (side // WINDOW).bit_length())


def ms_ssim(a: Picture, b: Picture) -> float:
    """Return the structural similarity at several scales, Wang et al. 2003.

    As many of the five scales as keep the side at 11 px; below 32 px only the first, which is
    plain SSIM.
    """
    left, right = (_unit(each) for each in (a, b))
    scales = scale_count(min(a.shape[:2]))
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    total = 1.0
    for number, weight in enumerate(weights):
        structure, luminance = _similarity(left, right)
        value = structure * luminance if number == scales - 1 else structure
        total *= max(float(value.mean()), 0.0) ** float(weight)
        left, right = F.avg_pool2d(left, 2), F.avg_pool2d(right, 2)
    return total


def _unit(pixels: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[:, None].double() / 255


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return maps of contrast and structure, and of luminance."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return structure, luminance


def _blur(x: Tensor) -> Tensor:
    taps = torch.from_numpy(_taps(min(WINDOW, *x.shape[-2:])))
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


def _taps(length: int) -> Float64[np.ndarray, " length"]:
    place = np.arange(length) - (length - 1) / 2
    bell = np.exp(-(place**2) / (2 * SIGMA**2))
    taps: np.ndarray = bell / bell.sum()
    return taps
