"""Plain line charts, one panel above the other where values have different scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylegan_cli.results.charts import DOTS_AN_INCH, INK, pixels_of
from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#4c78a8", "#e45756", "#54a24b", "#b279a2")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line through points.

    Attributes:
        spread: How far each value may lie from its point, drawn as a band; 0 for none.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves that share their axes, with what runs along those."""

    x: str
    y: str
    curves: tuple[Curve, ...]


def line_chart(panels: Sequence[Panel]) -> Picture:
    """The panels below each other; all share what runs along x."""
    from matplotlib.figure import Figure

    size = (7.6, 0.8 + 2.4 * len(panels))
    figure = Figure(figsize=size, dpi=DOTS_AN_INCH)
    rows = figure.subplots(len(panels), sharex=True, squeeze=False)
    for axes, panel in zip(rows[:, 0], panels, strict=True):
        _draw(axes, panel)
    rows[-1, 0].set_xlabel(panels[-1].x)
    return pixels_of(figure)


def _draw(axes: "Axes", panel: Panel) -> None:
    for curve, colour in zip(panel.curves, COLOURS, strict=False):
        axes.plot(curve.x, curve.y, marker="o", markersize=4, color=colour, label=curve.name)
        if any(curve.spread):
            y, spread = np.array(curve.y), np.array(curve.spread)
            axes.fill_between(curve.x, y - spread, y + spread, color=colour, alpha=0.2, lw=0)
    axes.set_ylabel(panel.y)
    axes.tick_params(colors=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    # beside the panel, where no line runs
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
