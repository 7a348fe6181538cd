"""A line chart over kimg as inline SVG, coloured and sized by the page's style sheet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from statistics import fmean

from stylegan_cli.report.history import Point
from stylegan_cli.report.markup import NOTHING, Html, element, text

OUTER_SHARE = 0.02
"""Share of the values at either end that may lie outside the chart."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A straight line from values to coordinates; values outside end at the edge."""

    low: float
    high: float
    start: int
    end: int

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Return about this many round numbers within the range."""
        step = _round_step((self.high - self.low) / about)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(i * step for i in range(first, last + 1))


def worth_seeing(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest value to show: of all, or without a few outliers.

    The range extends to zero if that is near.
    """
    ordered = sorted(values)
    outer = int(len(ordered) * OUTER_SHARE)
    inner_low, inner_high = ordered[outer], ordered[-1 - outer]
    room = (inner_high - inner_low) or max(abs(inner_high), 1e-6)
    low = max(ordered[0], inner_low - room)
    high = min(ordered[-1], inner_high + room)
    if 0 < low < high / 2:
        low = 0.0
    if high == low:
        return low - room / 2, high + room / 2
    return low, high


def number(value: float) -> str:
    """Format a number for a chart: three digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _round_step(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    factor: int = next(factor for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
    return factor * power


WIDTH, HEIGHT = 420, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 400, 16, 188
LABEL_ROOM = 40
"""Fewest pixels between two labels above a chart; a closer one is left out."""

MOST_POINTS = 300
"""Most points on one line; more are averaged in groups."""

COLOURS = 6


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve.

    Attributes:
        colour: Number of one of the page's colours.
        marks: Positions of events on the axis, and their names.
    """

    label: str
    points: Sequence[Point]
    colour: int
    marks: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves that share their axes.

    Attributes:
        unit: Unit of the values, in a few words.
        kimg: End of the horizontal axis.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    kimg: float


def draw(chart: Chart) -> Html:
    """Draw the chart with title, legend and newest values."""
    kimg, values = _scales(chart)
    heading = element(
        "figcaption",
        element("b", text(chart.title)),
        text(" "),
        element("small", text(chart.unit)),
        element("span", *map(_key, chart.lines), element("output", class_="at"), class_="keys"),
        _outside(chart, values),
    )
    picture = element(
        "svg",
        *_grid(kimg, values),
        *_marks(chart.lines, kimg),
        *(_curve(line, kimg, values) for line in chart.lines),
        element("line", class_="cursor", y1=TOP, y2=BOTTOM),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{chart.title} over thousands of images",
        data_start=LEFT,
        data_end=RIGHT,
        data_kimg=chart.kimg,
    )
    return element("figure", heading, picture, class_="chart")


def thin(points: Sequence[Point]) -> list[Point]:
    """Return the points; if there are too many, the means of groups of neighbours."""
    size = group_size(len(points))
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [(fmean(x for x, _ in group), fmean(y for _, y in group)) for group in groups]


def group_size(count: int) -> int:
    """Return the size of the groups that become one point."""
    return max(1, ceil(count / MOST_POINTS))


def colour_class(colour: int) -> str:
    """Return the class of elements in one of the page's colours."""
    return f"c{colour % COLOURS}"


def _scales(chart: Chart) -> tuple[Scale, Scale]:
    low, high = worth_seeing([value for line in chart.lines for _, value in line.points])
    return (
        Scale(low=0.0, high=chart.kimg, start=LEFT, end=RIGHT),
        Scale(low=low, high=high, start=BOTTOM, end=TOP),
    )


def _key(line: Line) -> Html:
    newest = element("output", text(number(line.points[-1][1])))
    name = element("span", text(line.label)) if line.label else NOTHING
    return element("span", name, newest, class_=f"key {colour_class(line.colour)}")


def _outside(chart: Chart, scale: Scale) -> Html:
    values = [value for line in chart.lines for _, value in line.points]
    ends = [
        f"{word} {number(value)}"
        for word, value in (("lowest", min(values)), ("highest", max(values)))
        if not scale.low <= value <= scale.high
    ]
    return element("small", text(f"outside: {', '.join(ends)}")) if ends else NOTHING


def _grid(kimg: Scale, values: Scale) -> Iterator[Html]:
    for value in values.ticks():
        y = f"{values(value):.1f}"
        yield element("line", class_="grid", x1=LEFT, x2=RIGHT, y1=y, y2=y)
        yield element("text", text(number(value)), x=LEFT - 6, y=y, class_="value")
    for value in kimg.ticks():
        unit = " kimg" if value == 0 else ""
        yield element("text", text(number(value) + unit), x=f"{kimg(value):.1f}", y=HEIGHT - 6)


def _marks(lines: Sequence[Line], kimg: Scale) -> Iterator[Html]:
    labelled = float(LEFT - LABEL_ROOM)
    places = {(at, name, line.colour) for line in lines for at, name in line.marks.items()}
    for at, name, colour in sorted(places):
        x, kind = f"{kimg(at):.1f}", f"mark {colour_class(colour)}"
        yield element("line", class_=kind, x1=x, x2=x, y1=TOP, y2=BOTTOM)
        if kimg(at) - labelled >= LABEL_ROOM:
            labelled = kimg(at)
            yield element("text", text(name), x=x, y=TOP - 5)


def _curve(line: Line, kimg: Scale, values: Scale) -> Html:
    points = thin(line.points)
    places = [f"{kimg(x):.1f},{values(y):.1f}" for x, y in points]
    kind = "" if len(points) > 1 else " dot"
    return element(
        "polyline",
        class_=colour_class(line.colour) + kind,
        # a line from a point to itself is drawn as a dot, a line of one point not at all
        points=" ".join([places[0], *places]),
        data_kimg=" ".join(f"{x:.5g}" for x, _ in points),
        data_value=" ".join(f"{y:.3g}" for _, y in points),
    )
