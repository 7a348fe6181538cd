"""The sections of a report's page, in pieces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_cli.report.curves import curves
from stylegan_cli.report.fakes import fakes_over_time
from stylegan_cli.report.markup import Html, Piece, Problem, closing, element, opening, text
from stylegan_cli.report.metrics import metrics
from stylegan_cli.report.overview import overview, provenance
from stylegan_cli.report.recipes import recipes
from stylegan_cli.report.run import Run, run_names
from stylegan_cli.report.study import Study, show_study


@dataclass(frozen=True, kw_only=True)
class Report:
    """The contents of a page.

    Attributes:
        inputs: Runs and studies as requested.
    """

    inputs: tuple[str, ...]
    runs: tuple[Run, ...]
    studies: tuple[Study, ...]

    @property
    def title(self) -> str:
        names = [run.name for run in self.runs] + [study.name for study in self.studies]
        first, *others = names
        more = f" and {len(others) - 2} more" if len(others) > 2 else ""
        return ", ".join([first, *others[:2]]) + more


def pieces(report: Report, most_fakes: int) -> Iterator[Piece]:
    """Yield everything between the page's title and its end, one picture at a time.

    Args:
        most_fakes: Most pictures of each run's fakes.
    """
    sections = dict(_sections(report, most_fakes))
    links = [element("a", text(name), href=f"#{_anchor(name)}") for name in sections]
    yield element("nav", *links)
    for name, content in sections.items():
        yield opening("section", id=_anchor(name))
        yield element("h2", text(name))
        yield from content
        yield closing("section")


def _sections(report: Report, most_fakes: int) -> Iterator[tuple[str, Iterator[Piece]]]:
    runs, studies = report.runs, report.studies
    if runs:
        yield "Overview", _overview(runs)
        yield "Training curves", curves({run.name: run.history for run in runs})
        yield "Fakes over time", _films(runs, most_fakes)
    if studies:
        yield "Studies", _studies(report)
    measured = {run.name: run.metrics for run in runs if run.metrics}
    measured |= {study.name: study.metrics for study in studies if study.metrics}
    if measured:
        yield "Metrics", _metrics(measured)
    if runs:
        yield "Recipe", recipes(runs)
    yield "Provenance", provenance(runs, studies)


def _overview(runs: Sequence[Run]) -> Iterator[Piece]:
    yield overview(runs)
    for run in runs:
        yield from map(Problem, run.problems)
    for run in runs:
        if run.history.alarms:
            yield from _heading(run, runs)
            lines = (f"{kimg:.1f} kimg: {words}" for kimg, words in run.history.alarms)
            yield element("ul", *(element("li", text(line)) for line in lines))


def _films(runs: Sequence[Run], most_fakes: int) -> Iterator[Piece]:
    if len(runs) > 1:
        box = element("input", type="checkbox", id="together", checked=True, autocomplete="off")
        label = element("label", box, text(" All runs move together"))
        yield element("p", label, class_="together")
    yield opening("div", class_="films")
    for run in runs:
        yield from _heading(run, runs)
        yield from fakes_over_time(run, most_fakes)
    yield closing("div")


def _studies(report: Report) -> Iterator[Piece]:
    runs = {run.network["sha256"]: run for run in report.runs if run.network}
    for study in report.studies:
        sha256 = study.header.network_sha256
        run = runs.get(sha256)
        drawn_by = f"{run.network['file']} of {run.name}" if run else f"network {sha256[:12]}…"
        yield from show_study(study, drawn_by)


def _metrics(measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Piece]:
    for name, lines in measured.items():
        yield element("h3", text(name))
        yield from metrics(lines)


def _heading(run: Run, runs: Sequence[Run]) -> Iterator[Html]:
    if len(runs) > 1:
        yield element("h3", run_names(runs)[run.name])


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
