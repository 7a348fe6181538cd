"""Low-pass filters of StyleGAN3, [SG3] appendix B and C: Kaiser windows, separable or radial."""

import math

import torch
from torch import Tensor

from stylegan_cli.networks.stylegan3.bands import LayerPlan

FILE_TOLERANCE = 1e-6
"""Largest difference of a filter in another program's file from ours."""


def up_filter(plan: LayerPlan) -> Tensor | None:
    """Return float32 `[taps]` to apply along both axes; None for no filter."""
    if plan.up_taps == 1:
        return None
    return low_pass(
        plan.up_taps,
        cutoff=plan.source.cutoff,
        width=2 * plan.source.half_width,
        rate=plan.fine_rate,
    )


def down_filter(plan: LayerPlan) -> Tensor | None:
    """Return float32 `[taps]`, or `[taps, taps]` if radial; None for no filter."""
    if plan.down_taps == 1:
        return None
    return low_pass(
        plan.down_taps,
        cutoff=plan.target.cutoff,
        width=2 * plan.target.half_width,
        rate=plan.fine_rate,
        radial=plan.radial,
    )


def low_pass(taps: int, *, cutoff: float, width: float, rate: int, radial: bool = False) -> Tensor:
    """Compute a windowed ideal low-pass filter with sum 1.

    Args:
        width: Of the transition band.
        radial: Make it two-dimensional and radially symmetric, except for the window.
    """
    # on the CPU even when networks are built on the device "meta"
    offsets = torch.arange(taps, dtype=torch.float64, device="cpu") - (taps - 1) / 2
    window = kaiser(taps, width / (rate / 2))
    if radial:
        x = offsets / rate
        r = torch.hypot(x[:, None], x)
        ideal = torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r)
        response = ideal * window[:, None] * window
    else:
        response = torch.sinc(2 * cutoff / rate * offsets) * window
    normalized: Tensor = response / response.sum()
    return normalized.float()


def kaiser(taps: int, width: float) -> Tensor:
    """Compute the Kaiser window for a transition band.

    Args:
        width: Of the band, in units of half the sampling rate.
    """
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation > 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    else:
        beta = 0.0
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64, device="cpu")
