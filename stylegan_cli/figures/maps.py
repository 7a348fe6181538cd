"""Maps of numbers as pictures: one number a pixel, one scale a sheet."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from stylegan_cli.shapes import Picture

MORE, LESS = (178, 24, 43), (33, 102, 172)
"""Colours of the largest and the smallest number; zero is white."""

SHOWN = 0.995
"""Share of a map's pixels within the scale; a few outliers would leave the rest pale."""

Map = Float[np.ndarray, "height width"]


def full_scale(maps: Iterable[Map]) -> float:
    """Return the magnitude to show in full colour; single pixels of the strongest map exceed it."""
    levels = [float(np.quantile(np.abs(each), SHOWN)) or float(np.abs(each).max()) for each in maps]
    return max(levels, default=0.0)


def diverging(values: Map, full: float) -> Picture:
    """Paint a map whose zero is white, positive numbers red and negative ones blue.

    Args:
        full: The magnitude in full colour.
    """
    share = (values / (full or 1)).clip(-1, 1)[:, :, None]
    colour = np.where(share > 0, np.array(MORE), np.array(LESS))
    mixed: np.ndarray = 255 + np.abs(share) * (colour - 255)
    return np.round(mixed).astype(np.uint8)
