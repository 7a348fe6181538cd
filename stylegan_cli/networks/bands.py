"""Frequency bands of the layers of StyleGAN3, [SG3] section 3, and the filters between them.

Frequencies are in cycles per image width, rates in samples per image width, sizes in samples.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from stylegan_cli.recipe import Settled


@dataclass(frozen=True, kw_only=True)
class Level:
    """Signal after one layer.

    Attributes:
        half_width: Of the transition band, from the cutoff to the stopband of the filters.
    """

    size: int
    channels: int
    rate: int
    cutoff: float
    half_width: float


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """Plan of a layer between two levels.

    Attributes:
        fine_rate: Sampling rate of the leaky ReLU.
        up: Factor from the input's rate to `fine_rate`; `down` leads from there to the output's.
        up_taps: Length of the filter; 1 is none.
        padding: Samples added before and after each axis of the fine grid; negative values crop.
        radial: The filter for downsampling is radially symmetric.
    """

    name: str
    source: Level
    target: Level
    kernel: int
    fine_rate: int
    up: int
    down: int
    up_taps: int
    down_taps: int
    padding: tuple[int, int]
    radial: bool
    is_rgb: bool


def _levels(recipe: Settled) -> list[Level]:
    """Compute the signals after each layer, the last one after toRGB."""
    section, bands, resolution = recipe.generator, recipe.bands, recipe.data.size.height
    half, last = resolution / 2, bands.layers
    found = []
    for i in range(last + 1):
        share = min(i / (last - bands.critical), 1)
        cutoff = bands.first_cutoff * (half / bands.first_cutoff) ** share
        ratio = half * bands.last_stopband / bands.first_stopband
        stopband = bands.first_stopband * ratio**share
        # at 256 px one rate is exactly a power of two, and rounding errors must not double it
        bits = math.ceil(math.log2(min(2 * stopband, resolution)) - 1e-9)
        rate = 2**bits
        features = round(min(section.channel_base / 2 / cutoff, section.channel_max))
        level = Level(
            size=resolution if i >= last - 1 else rate + 2 * bands.margin,
            channels=recipe.data.channels if i == last else features,
            rate=rate,
            cutoff=cutoff,
            half_width=max(stopband, rate / 2) - cutoff,
        )
        found.append(level)
    return found


def plans_of(recipe: Settled) -> list[LayerPlan]:
    """Plan the layers of a recipe's synthesis network, toRGB last; the first keeps its level."""
    section, bands, found = recipe.generator, recipe.bands, _levels(recipe)
    plans = []
    for i, (source, target) in enumerate(pairwise([found[0], *found])):
        is_rgb = i == bands.layers
        fine = max(source.rate, target.rate) * (1 if is_rgb else bands.upsampling)
        up, down, side = fine // source.rate, fine // target.rate, 1 if is_rgb else section.kernel
        up_taps = 1 if is_rgb or up == 1 else bands.filter_size * up
        down_taps = 1 if is_rgb or down == 1 else bands.filter_size * down
        needed = (target.size - 1) * down + 1 + up_taps + down_taps - 2
        total = needed - (source.size + side - 1) * up
        front = (total + up) // 2
        plan = LayerPlan(
            name=f"L{i}_{target.size}_{target.channels}",
            source=source,
            target=target,
            kernel=side,
            fine_rate=fine,
            up=up,
            down=down,
            up_taps=up_taps,
            down_taps=down_taps,
            padding=(front, total - front),
            radial=section.radial_filters and i < bands.layers - bands.critical,
            is_rgb=is_rgb,
        )
        plans.append(plan)
    return plans


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
    """Compute a windowed ideal low-pass filter with sum 1, [SG3] appendix B and C.

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
