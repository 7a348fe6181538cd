"""Numbers that were found: recorded, drawn, linked, printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_cli.cli import console
from stylegan_cli.cli.console import echo_json, echo_table
from stylegan_cli.cli.evaluate.subjects import Subjects

if TYPE_CHECKING:
    from stylegan_cli.metrics.evaluation import Evaluation, Result
    from stylegan_cli.metrics.snapshots import Best

DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number.

    Attributes:
        case: Of the snapshot, psi or class; empty for one.
        spread: How far it varies; None where nothing tells.
    """

    case: str = ""
    name: str
    value: float
    spread: float | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a command found.

    Attributes:
        along: What the cases are; empty for one.
        best: The link to the best network, where several were compared.
    """

    along: str
    rows: tuple[Row, ...]
    records: tuple[Mapping[str, Any], ...]
    files: tuple[Path, ...]
    best: Path | None = None


def joined(found: Sequence[Findings]) -> Findings:
    """What several measurements of the same cases found, as one."""
    return Findings(
        along=found[0].along,
        rows=tuple(row for each in found for row in each.rows),
        records=tuple(record for each in found for record in each.records),
        files=tuple(dict.fromkeys(file for each in found for file in each.files)),
        best=next((each.best for each in found if each.best), None),
    )


def features_findings(
    evaluation: "Evaluation",
    subjects: Subjects,
    results: "Sequence[Result]",
    *,
    seconds: float,
    save: bool,
) -> Findings:
    """Append the records of an evaluation and write what belongs to them.

    Args:
        seconds: What it all took.
        save: Write the features, too.

    Raises:
        OutputError: A place cannot be written.
    """
    from stylegan_cli.metrics.evaluation import record_of
    from stylegan_cli.metrics.records import NAME, append_record

    share = seconds / len(results)
    records = tuple(record_of(evaluation, result, seconds=share) for result in results)
    for record in records:
        append_record(subjects.folder / NAME, record)
    files = [subjects.folder / NAME, *_chart(subjects, results)]
    if save:
        files.append(_features(evaluation, subjects, results))
    for file in files:
        console.note(f"wrote {file}")
    return Findings(
        along=subjects.along,
        rows=tuple(_rows(results)),
        records=records,
        files=tuple(files),
        best=_best(subjects, results),
    )


def show(findings: Findings, *, json: bool) -> None:
    """Print the numbers, a row each, or all of it as JSON."""
    if json:
        best = str(findings.best) if findings.best else None
        files = list(map(str, findings.files))
        echo_json({"records": list(findings.records), "files": files, "best": best})
        return
    # elsewhere than on a terminal there are no headings to tell columns by
    rows = [(row.name, number(row.value), _spread(row.spread)) for row in findings.rows]
    if not findings.along:
        echo_table(("metric", "value", "±"), rows)
        return
    named = [(row.case, *cells) for row, cells in zip(findings.rows, rows, strict=True)]
    echo_table((findings.along, "metric", "value", "±"), named)


def number(value: float) -> str:
    """A value in as many digits as anybody compares."""
    return f"{value:.{DIGITS}g}"


def link(best: "Best") -> Path:
    """Link the best network and say so."""
    from stylegan_cli.metrics.snapshots import link_best

    place = link_best(best)
    console.note(f"best by {best.name}: {best.network} ({number(best.value)}), linked as {place}")
    return place


def _rows(results: "Sequence[Result]") -> Iterator[Row]:
    for result in results:
        for name, value in result.values.items():
            yield Row(case=result.case.name, name=name, value=value, spread=result.sd.get(name))


def _spread(value: float | None) -> str:
    return "" if value is None else number(value)


def _best(subjects: Subjects, results: "Sequence[Result]") -> Path | None:
    """A link to the best snapshot, where snapshots were compared."""
    from stylegan_cli.metrics.snapshots import best_of

    best = best_of(results) if subjects.along == "snapshot" else None
    return link(best) if best else None


def _chart(subjects: Subjects, results: "Sequence[Result]") -> Iterator[Path]:
    from stylegan_cli.metrics.curves import draw_curves

    if subjects.along in ("snapshot", "psi"):
        yield draw_curves(results, subjects.along, subjects.folder)


def _features(evaluation: "Evaluation", subjects: Subjects, results: "Sequence[Result]") -> Path:
    from stylegan_cli.metrics.saved_features import save_features

    return save_features(evaluation, results, subjects.folder)
