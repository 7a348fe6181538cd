"""Training curves, grouped in charts that several runs share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stylegan_cli.report.chart import Chart, Line, draw, group_size
from stylegan_cli.report.history import History, Point
from stylegan_cli.report.markup import Html, element, text


@dataclass(frozen=True, kw_only=True)
class Panel:
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
    Panel(title="Loss", unit="", labels={"loss_g": "G", "loss_d": "D"}),
    Panel(
        title="Scores by D",
        unit="logits; above 0 means real",
        labels={"score_real": "reals", "score_fake": "fakes"},
    ),
    Panel(
        title="r_t, sign of D on reals",
        unit="mean; 1: knows all, 0: guesses",
        labels={"r_t": ""},
    ),
    Panel(title="Augmentation", unit="p, of each transform", labels={"augment_p": ""}),
    Panel(
        title="Variety of fakes",
        unit="of that of training images; 0: all the same",
        labels={"diversity": ""},
    ),
    Panel(
        title="Distance of fakes to training images",
        unit="of theirs to each other; 0: copies",
        labels={"nearest_ratio": ""},
    ),
    Panel(title="Spread of w", unit="of its size", labels={"w_spread": ""}),
    Panel(title="Dead numbers of w", unit="share", labels={"w_dead": ""}),
    Panel(title="R1 penalty", unit="mean squared gradient on reals", labels={"r1_penalty": ""}),
    Panel(title="Gradient of D between reals and fakes", unit="norm", labels={"gp_norm": ""}),
    Panel(title="Path length", unit="", labels={"pl_length": "batch", "pl_mean": "running mean"}),
    Panel(title="Path-length penalty", unit="squared deviation", labels={"pl_penalty": ""}),
    Panel(
        title="Gradients of G",
        unit="norm",
        labels={"grad_norm_g": "loss", "grad_norm_g_reg": "regularizer"},
    ),
    Panel(
        title="Gradients of D",
        unit="norm",
        labels={"grad_norm_d": "loss", "grad_norm_d_reg": "regularizer"},
    ),
    Panel(title="Time per kimg", unit="seconds", labels={"sec_per_kimg": ""}),
    Panel(title="Time so far", unit="hours", labels={"seconds": ""}, share=3600.0),
    Panel(title="Peak memory", unit="GiB", labels={"memory_gib": ""}),
)

AXES = ("cur_nimg", "kimg", "lod", "resolution")
"""Numbers that have no curve."""


def curves(histories: Mapping[str, History]) -> Iterator[Html]:
    """Draw a chart of everything that was measured.

    Args:
        histories: By name of the run; with several, each chart shows one number of all runs.
    """
    chart_list = list(charts(histories))
    if not chart_list:
        yield element("p", text("No statistics yet."), class_="quiet")
        return
    yield element("div", *map(draw, chart_list), class_="charts")
    group = max(group_size(len(history.ticks)) for history in histories.values())
    if group > 1:
        note = f"Each point is the mean of up to {group} ticks."
        yield element("p", text(note), class_="quiet")


def charts(histories: Mapping[str, History]) -> Iterator[Chart]:
    """Yield the charts of `curves`, not laid out yet."""
    kimg = max((history.last.get("kimg", 0.0) for history in histories.values()), default=0.0)
    for panel in _panels(histories.values()):
        for title, lines in _lines(panel, histories):
            if lines:
                yield Chart(title=title, unit=panel.unit, lines=lines, kimg=kimg or 1.0)


def _panels(histories: Iterable[History]) -> list[Panel]:
    known = {name for panel in PANELS for name in panel.labels}
    names = dict.fromkeys(name for history in histories for name in history.names)
    others = [name for name in names if name not in known and name not in AXES]
    return [*PANELS, *(Panel(title=name, unit="", labels={name: ""}) for name in others)]


def _lines(panel: Panel, histories: Mapping[str, History]) -> Iterator[tuple[str, list[Line]]]:
    if len(histories) == 1:
        ((_, history),) = histories.items()
        named = [(label, history, name) for name, label in panel.labels.items()]
        yield panel.title, _drawable(panel, named)
        return
    for name, label in panel.labels.items():
        title = f"{panel.title}: {label}" if label else panel.title
        named = [(run, history, name) for run, history in histories.items()]
        yield title, _drawable(panel, named)


def _drawable(panel: Panel, named: Sequence[tuple[str, History, str]]) -> list[Line]:
    lines = [
        Line(
            label=label,
            points=_points(history, name, panel.share),
            colour=colour,
            marks={kimg: f"{size} px" for kimg, size in history.switches()},
        )
        for colour, (label, history, name) in enumerate(named)
    ]
    # a value that is always zero is a loss term that this run does not have
    return [line for line in lines if any(value for _, value in line.points)]


def _points(history: History, name: str, share: float) -> list[Point]:
    return [(kimg, value / share) for kimg, value in history.series(name)]
