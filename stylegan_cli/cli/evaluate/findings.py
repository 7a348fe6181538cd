"""Numbers that were found: recorded, drawn, linked, printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.subjects import Subjects
from stylegan_cli.cli.output import echo_json, echo_table

if TYPE_CHECKING:
    from stylegan_cli.metrics.evaluation import Evaluation, Result

DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Findings:
    """An evaluation that is done."""

    evaluation: "Evaluation"
    subjects: Subjects
    results: "tuple[Result, ...]"


def show(findings: Findings, *, seconds: float, save: bool, json: bool) -> None:
    """Append the records, write what belongs to them, and print them.

    Args:
        seconds: What it all took.
        save: Write the features, too.
        json: Print JSON instead of a table.

    Raises:
        OutputError: A place cannot be written.
    """
    from stylegan_cli.metrics.records import NAME, append_record

    folder, records = findings.subjects.folder, _records(findings, seconds)
    for record in records:
        append_record(folder / NAME, record)
    files = [folder / NAME, *_chart(findings)]
    if save:
        files.append(_features(findings))
    best = _best(findings)
    if json:
        best_path = str(best) if best else None
        echo_json({"records": records, "files": list(map(str, files)), "best": best_path})
        return
    for file in files:
        console.note(f"wrote {file}")
    _echo(findings)


def _records(findings: Findings, seconds: float) -> list[dict[str, Any]]:
    from stylegan_cli.metrics.evaluation import record_of

    return [
        record_of(findings.evaluation, result, seconds=seconds / len(findings.results))
        for result in findings.results
    ]


def _echo(findings: Findings) -> None:
    """A row a value; elsewhere than on a terminal there are no headings to tell columns by."""
    along = findings.subjects.along
    rows = [
        (name, number(value), number(result.sd[name]) if name in result.sd else "")
        for result in findings.results
        for name, value in result.values.items()
    ]
    if not along:
        echo_table(("metric", "value", "±"), rows)
        return
    cases = [result.case.name for result in findings.results for _ in result.values]
    named = [(case, *row) for case, row in zip(cases, rows, strict=True)]
    echo_table((along, "metric", "value", "±"), named)


def number(value: float) -> str:
    """A value in as many digits as anybody compares."""
    return f"{value:.{DIGITS}g}"


def _best(findings: Findings) -> Path | None:
    """A link to the best snapshot, where snapshots were compared."""
    from stylegan_cli.metrics.snapshots import best_of, link_best

    if findings.subjects.along != "snapshot":
        return None
    best = best_of(findings.results)
    if best is None:
        return None
    link = link_best(best)
    console.note(f"best by {best.name}: {best.network} ({number(best.value)}), linked as {link}")
    return link


def _chart(findings: Findings) -> Iterator[Path]:
    from stylegan_cli.metrics.curves import draw_curves

    subjects = findings.subjects
    if subjects.along in ("snapshot", "psi"):
        yield draw_curves(findings.results, subjects.along, subjects.folder)


def _features(findings: Findings) -> Path:
    from stylegan_cli.metrics.saved import save_features

    return save_features(findings.evaluation, findings.results, findings.subjects.folder)
