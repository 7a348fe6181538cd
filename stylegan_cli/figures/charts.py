"""Numbers as pictures: bars, curves, histograms, heat maps, and maps of a number per pixel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from stylegan_cli.figures.layout import PAPER, font, line_height
from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


INK, BAR = "#282828", "#4c78a8"
MORE, LESS = (178, 24, 43), (33, 102, 172)
"""Colours of the largest and the smallest number; zero is white."""
SHOWN = 0.995
"""Share of a map's pixels within the scale; a few outliers would leave the rest pale or dark."""

Map = Float[np.ndarray, "height width"]
DOTS_AN_INCH = 150
BAR_STEP, BAR_HEIGHT, BAR_GAP, BAR_TEXT = 90, 300, 10, 18
"""Sizes of a chart of bars, in pixels."""


def bar_chart(
    heights: Sequence[float], names: Sequence[str], notes: Sequence[str], *, x: str, y: str
) -> Picture:
    """Draw bars with a name below and a note above each.

    Pillow draws them: importing matplotlib takes longer than drawing the images of a study.

    Args:
        x, y: Titles of the axes, with units.
    """
    step = max(BAR_STEP, _width((*names, *notes)) + BAR_GAP)
    width = 4 * BAR_GAP + max(step * len(heights), _width((x, y)))
    floor = _height([y]) + _height(notes) + BAR_HEIGHT
    below = floor + _height(names)
    canvas = Image.new("RGB", (width, below + _height([x])), PAPER)
    draw = ImageDraw.Draw(canvas)
    scale = BAR_HEIGHT / (max(heights) or 1)
    left = (width - step * len(heights)) // 2
    for i, (height, name, note) in enumerate(zip(heights, names, notes, strict=True)):
        middle, top = left + i * step + step // 2, floor - round(height * scale)
        if top < floor:
            draw.rectangle((middle - step // 3, top, middle + step // 3, floor), BAR)
        _write(draw, (middle, top - BAR_GAP // 2), note, "md")
        _write(draw, (middle, floor + BAR_GAP), name, "ma")
    draw.line((left, floor, width - left, floor), INK, 2)
    _write(draw, (width // 2, BAR_GAP), y, "ma")
    _write(draw, (width // 2, below + BAR_GAP), x, "ma")
    return np.asarray(canvas)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, anchor: str) -> None:
    draw.text(place, text, INK, font(BAR_TEXT), anchor=anchor, align="center")


def _width(texts: Iterable[str]) -> int:
    lines = "\n".join(texts).split("\n")
    return ceil(max(map(font(BAR_TEXT).getlength, lines)))


def _height(texts: Iterable[str]) -> int:
    lines = 1 + max(text.count("\n") for text in texts)
    return lines * line_height(BAR_TEXT) + BAR_GAP


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


def shade(values: Map, white: float) -> Picture:
    """Draw a map in grey: black at 0, white at `white` and above."""
    share = (values / (white or 1)).clip(0, 1)
    grey: np.ndarray = np.round(255 * share).astype(np.uint8)
    return grey[:, :, None]
