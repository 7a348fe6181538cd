"""Plain bar charts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, BAR = "#282828", "#4c78a8"
DOTS_AN_INCH = 150


def bar_chart(
    heights: Sequence[float], names: Sequence[str], notes: Sequence[str], *, x: str, y: str
) -> Picture:
    """Bars with a name below and a note above each.

    Args:
        x, y: What runs along the axes, with units.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.8, 1.2 + 0.62 * len(names)), 3.2), dpi=DOTS_AN_INCH)
    axes = figure.subplots()
    bars = axes.bar(range(len(names)), heights, width=0.7, color=BAR)
    axes.bar_label(bars, notes, padding=2, fontsize=8, color=INK)
    axes.set_xticks(range(len(names)), names, fontsize=9)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)


def pixels_of(figure: "Figure") -> Picture:
    """A figure as a picture, its parts arranged so that none overlap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_layout_engine("constrained")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
