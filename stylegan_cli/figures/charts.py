"""Numbers as pictures: bars, curves, histograms, heat maps, and maps of a number per pixel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


INK, BAR = "#282828", "#4c78a8"
MORE, LESS = (178, 24, 43), (33, 102, 172)
"""Colours of the largest and the smallest number; zero is white."""
SHOWN = 0.995
"""Share of a map's pixels within the scale; a few outliers would leave the rest pale."""
Map = Float[np.ndarray, "height width"]
DOTS_AN_INCH = 150
INCHES_A_LETTER = 0.078
"""Mean width of a letter in the title of an axis."""


def bar_chart(
    heights: Sequence[float], names: Sequence[str], notes: Sequence[str], *, x: str, y: str
) -> Picture:
    """Draw bars with a name below and a note above each.

    Args:
        x, y: Titles of the axes, with units.
    """
    from matplotlib.figure import Figure

    # the title of the axis is centred on the bars, beside which stand the heights
    title = 1.6 + INCHES_A_LETTER * max(map(len, x.split("\n")))
    figure = Figure(figsize=(max(4.8, 1.2 + 0.62 * len(names), title), 3.2), dpi=DOTS_AN_INCH)
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
    """Draw a figure as a picture, its parts arranged without overlap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_layout_engine("constrained")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def heat_map(
    values: Float[np.ndarray, "rows cols"],
    rows: Sequence[str],
    cols: Sequence[str],
    *,
    x: str,
    bar: str,
) -> Picture:
    """Draw a field for each number, which stands in it: red above zero, blue below.

    Args:
        x: Title of the columns.
        bar: Title of the scale, with units.
    """
    from matplotlib.figure import Figure

    size = (2.6 + 0.62 * len(cols), 1.6 + 0.36 * len(rows) + 0.06 * max(map(len, cols)))
    # a scale beside the fields wants the arrangement chosen before it is drawn
    figure = Figure(figsize=size, dpi=DOTS_AN_INCH, layout="constrained")
    axes = figure.subplots()
    full = float(np.abs(values).max()) or 1.0
    drawn = axes.imshow(values, cmap="RdBu_r", vmin=-full, vmax=full, aspect="auto")
    for (row, col), value in np.ndenumerate(values):
        ink = "white" if abs(value) > 0.6 * full else INK
        axes.text(col, row, f"{value:+.1f}", ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(range(len(cols)), cols, rotation=45, ha="right", fontsize=9)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.set_xlabel(x)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, label=bar)
    return pixels_of(figure)


LEFT_OUT = "#c9c9c9"
BARS = 60


def histogram(
    values: Float[np.ndarray, " n"],
    counted: tuple[float, float],
    mean: float,
    *,
    title: str,
    x: str,
) -> Picture:
    """Draw how often values occur; ignored ones in grey, far ones as a count.

    Args:
        counted: The smallest and the largest value that counts.
        mean: Of those that count.
        x: Name of the values.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.2, 3.6), dpi=DOTS_AN_INCH)
    axes = figure.subplots()
    low, high = counted
    # a few outliers would squeeze all others into one bar
    end = high + 0.1 * (high - low) if high > low else high + 1
    edges = np.linspace(min(0.0, low), end, BARS + 1)
    inside = (low <= values) & (values <= high)
    shown = (values[inside], values[~inside & (values <= end)])
    axes.hist(shown, edges.tolist(), stacked=True, color=(BAR, LEFT_OUT))
    axes.axvline(mean, color=INK, linewidth=1)
    axes.text(mean, 0.97, f"  mean {mean:.4g}", transform=axes.get_xaxis_transform(), va="top")
    beyond = int((values > end).sum())
    note = f"; {beyond} beyond the right edge" if beyond else ""
    axes.set_xlabel(f"{x}\ngrey: below the 1st or above the 99th percentile, not counted{note}")
    axes.set_ylabel("pairs")
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)


COLOURS = ("#4c78a8", "#e45756", "#54a24b", "#b279a2")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line through points.

    Attributes:
        spread: Half-width of a band drawn around each point; 0 for none.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves that share their axes, with the titles of both."""

    x: str
    y: str
    curves: tuple[Curve, ...]


def line_chart(panels: Sequence[Panel]) -> Picture:
    """Draw the panels below each other on a shared x axis."""
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
