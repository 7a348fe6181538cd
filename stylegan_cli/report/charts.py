"""Training curves as charts over kimg that several runs share; the page's template draws them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, floor, log10
from statistics import fmean
from typing import NamedTuple

from stylegan_cli.report.history import History, Point

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

    def ticks(self) -> tuple[float, ...]:
        """Return about five round numbers within the range."""
        wanted = (self.high - self.low) / 5
        power = 10.0 ** floor(log10(wanted))
        step = next(round * power for round in (1, 2, 5, 10) if round * power >= wanted * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(i * step for i in range(first, last + 1))

    def named_ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the ticks and their names, which differ."""
        ticks = self.ticks()
        yield from zip(ticks, numbers(ticks), strict=True)


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
    if high - low < 1e-300:  # none, or too little for ticks
        room = max(room, 1e-6)
        return low - room / 2, high + room / 2
    return low, high


def number(value: float, digits: int = 3) -> str:
    """Format a number for a chart: three digits, thousands apart; rounding errors are zero."""
    if abs(value) >= 1000:
        return f"{value:,.{digits - 3}f}"
    return f"{value if abs(value) > 1e-12 else 0:.{digits}g}"


def numbers(values: Sequence[float]) -> list[str]:
    """Format numbers of one axis, with as many digits as tell them apart."""
    found: list[str] = []
    for digits in range(3, 16):
        found = [number(value, digits) for value in values]
        if len(set(found)) == len(values):
            break
    return found


def look(line: int) -> str:
    """Return the classes that draw the lines of one run: a colour, then dashes, then dots."""
    return f"c{line % COLOURS}" + ("", " d1", " d2")[line // COLOURS % 3]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Sizes of a chart's picture, and the edges of the drawing in it."""

    width: int = 420
    height: int = 224
    left: int = 62
    right: int = 400
    top: int = 16
    bottom: int = 186


FRAME = Frame()
LABEL_ROOM = 40
"""Fewest pixels between two labels above a chart; a closer one is left out."""

MOST_POINTS = 300
"""Most points on one line; more are averaged in groups."""

COLOURS = 6


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve.

    Attributes:
        colour: Number of the look that the page gives it.
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

    @property
    def axis(self) -> str:
        """Return the label of the vertical axis."""
        return self.unit.partition(";")[0] or self.title.partition(":")[0].lower()

    @property
    def times(self) -> Scale:
        """Return the horizontal axis."""
        return Scale(low=0.0, high=self.kimg, start=FRAME.left, end=FRAME.right)

    @cached_property
    def values(self) -> Scale:
        """Return the vertical axis."""
        low, high = worth_seeing([value for line in self.lines for _, value in line.points])
        return Scale(low=low, high=high, start=FRAME.bottom, end=FRAME.top)

    @property
    def outside(self) -> str:
        """Return the extremes that lie outside the chart, in words."""
        values, scale = [value for line in self.lines for _, value in line.points], self.values
        return ", ".join(
            f"{word} {number(value)}"
            for word, value in (("lowest", min(values)), ("highest", max(values)))
            if not scale.low <= value <= scale.high
        )

    @property
    def marks(self) -> Iterator[tuple[str, str, int]]:
        """Yield place, name and colour of each mark; a name that has no room is empty."""
        labelled = float(FRAME.left - LABEL_ROOM)
        places = {(at, name, line.colour) for line in self.lines for at, name in line.marks.items()}
        for at, name, colour in sorted(places):
            x = self.times(at)
            has_room = x - labelled >= LABEL_ROOM
            labelled = x if has_room else labelled
            yield f"{x:.1f}", name if has_room else "", colour

    def path(self, points: Sequence[Point]) -> str:
        """Return the places of points, as a polyline takes them."""
        places = [f"{self.times(x):.1f},{self.values(y):.1f}" for x, y in points]
        # a line from a point to itself is drawn as a dot, a line of one point not at all
        return " ".join([places[0], *places])


def thin(points: Sequence[Point]) -> list[Point]:
    """Return the points; if there are too many, the means of groups of neighbours."""
    size = group_size(len(points))
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [(fmean(x for x, _ in group), fmean(y for _, y in group)) for group in groups]


def group_size(count: int) -> int:
    """Return the size of the groups that become one point."""
    return max(1, ceil(count / MOST_POINTS))


class StatsPanel(NamedTuple):
    """Numbers of `stats.jsonl` that belong together.

    Attributes:
        labels: Name in the chart by name in the file.
        share: The chart's unit in units of the file.
    """

    title: str
    unit: str
    labels: Mapping[str, str]
    share: float = 1.0


PANELS = (
    StatsPanel("Loss", "", {"loss_g": "G", "loss_d": "D"}),
    StatsPanel(
        "Scores by D",
        "logits; above 0 means real",
        {"score_real": "reals", "score_fake": "fakes"},
    ),
    StatsPanel(
        "Overfitting, r_t", "mean sign of D on reals; 1: knows all, 0: guesses", {"r_t": ""}
    ),
    StatsPanel("Augmentation", "p, of each transform", {"augment_p": ""}),
    StatsPanel(
        "Variety of fakes", "relative to training images; 0: all the same", {"diversity": ""}
    ),
    StatsPanel(
        "Distance of fakes to training images",
        "relative to distances among these; 0: copies",
        {"nearest_ratio": ""},
    ),
    StatsPanel("Spread of w", "relative to its size", {"w_spread": ""}),
    StatsPanel("Dead numbers of w", "share", {"w_dead": ""}),
    StatsPanel("R1 penalty", "mean squared gradient on reals", {"r1_penalty": ""}),
    StatsPanel("Gradient of D between reals and fakes", "norm", {"gp_norm": ""}),
    StatsPanel("Path length", "", {"pl_length": "batch", "pl_mean": "running mean"}),
    StatsPanel("Path-length penalty", "squared deviation", {"pl_penalty": ""}),
    StatsPanel("Gradients of G", "norm", {"grad_norm_g": "loss", "grad_norm_g_reg": "regularizer"}),
    StatsPanel("Gradients of D", "norm", {"grad_norm_d": "loss", "grad_norm_d_reg": "regularizer"}),
    StatsPanel("Time per kimg", "seconds", {"sec_per_kimg": ""}),
    StatsPanel("Time so far", "hours", {"seconds": ""}, share=3600.0),
    StatsPanel("Peak memory", "GiB", {"memory_gib": ""}),
)

AXES = ("cur_nimg", "kimg", "lod", "resolution")
"""Numbers that have no curve."""


def charts(histories: Mapping[str, History]) -> Iterator[Chart]:
    """Yield a chart of everything that was measured.

    Args:
        histories: By name of the run; with several, each chart shows one number of all runs.
    """
    kimg = max((history.last.get("kimg", 0.0) for history in histories.values()), default=0.0)
    end = kimg if kimg > 1e-9 else 1.0
    for panel in _panels(histories.values()):
        for title, lines in _lines(panel, histories):
            if lines:
                yield Chart(title=title, unit=panel.unit, lines=lines, kimg=end)


def _panels(histories: Iterable[History]) -> list[StatsPanel]:
    known = {name for panel in PANELS for name in panel.labels}
    names = dict.fromkeys(name for history in histories for name in history.names)
    others = [name for name in names if name not in known and name not in AXES]
    return [*PANELS, *(StatsPanel(name, "", {name: ""}) for name in others)]


def _lines(panel: StatsPanel, histories: Mapping[str, History]) -> Iterator[tuple[str, list[Line]]]:
    if len(histories) == 1:
        ((_, history),) = histories.items()
        named = [(label, history, name) for name, label in panel.labels.items()]
        yield panel.title, _drawable(panel, named)
        return
    for name, label in panel.labels.items():
        title = f"{panel.title}: {label}" if label else panel.title
        named = [(run, history, name) for run, history in histories.items()]
        yield title, _drawable(panel, named)


def _drawable(panel: StatsPanel, named: Sequence[tuple[str, History, str]]) -> list[Line]:
    lines = [
        Line(
            label=label,
            points=[(kimg, value / panel.share) for kimg, value in history.series(name)],
            colour=colour,
            marks={kimg: f"{size} px" for kimg, size in history.switches()},
        )
        for colour, (label, history, name) in enumerate(named)
    ]
    # a value that is always zero is a loss term that this run does not have
    return [line for line in lines if any(value for _, value in line.points)]
