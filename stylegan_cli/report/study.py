"""A study as a report shows it: its composed pictures under its request."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.rendering.folder import StudyPaths
from stylegan_cli.rendering.header import Header
from stylegan_cli.rendering.sheet import compose
from stylegan_cli.rendering.store import StudyFile, open_study
from stylegan_cli.report.dials import show_dials
from stylegan_cli.report.history import METRICS, read_lines
from stylegan_cli.report.markup import Piece, Problem, closing, element, opening, text
from stylegan_cli.report.photo import Photo, image_of, photo, photo_of_pixels, source_of
from stylegan_cli.report.table import facts_table, flatten, value_in_words, words

MEASURES = "measures"
"""Group of numbers in a study's file, one of each kind for each of its pictures."""

LONGEST = 1600
"""Longest side of a composed picture, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """The facts in a study's file.

    Attributes:
        name: Unique among the studies of the report.
        missing: Number of images and measurements still missing.
        metrics: The lines of `metrics.jsonl` beside the file.
        problems: Messages about unreadable files.
    """

    name: str
    path: Path
    header: Header
    created_utc: str
    versions: Mapping[str, Any]
    missing: int
    metrics: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]


def read_study(path: Path, name: str) -> Study:
    """Read everything a report shows of a study except its pictures.

    Raises:
        DataError: It is not a study, or damaged.
    """
    metrics, problems = read_lines(path.with_name(METRICS))
    with open_study(path) as file:
        return Study(
            name=name,
            path=path,
            header=file.header,
            created_utc=file.created_utc,
            versions=file.versions,
            missing=sum(
                int((~file.done(table)).sum()) for table in (*file.tables, *file.measurements)
            ),
            metrics=tuple(metrics),
            problems=tuple(problems),
        )


def show_study(study: Study, drawn_by: str) -> Iterator[Piece]:
    """Show the study's request and pictures.

    Args:
        drawn_by: The network, in a few words.
    """
    kind = study.header.study
    yield element("h3", text(study.name if study.name == kind else f"{kind}: {study.name}"))
    yield element("p", text(f"{_request(study.header)} · {drawn_by}"), class_="quiet")
    yield from map(Problem, study.problems)
    if study.missing:
        yield Problem(
            f"{study.path}: {study.missing} images or measurements are missing; "
            "run its command again"
        )
    else:
        with open_study(study.path) as file:
            yield from show_dials(file)
            yield from _measures(file)
    yield opening("div", class_="sheets")
    paths = StudyPaths(folder=study.path.parent, header=study.header)
    sheets = zip(study.header.sheets, paths.sheets, strict=True)
    further = zip(study.header.pictures, paths.pictures, strict=True)
    for sheet, (name, path) in enumerate(sheets):
        yield _figure(name, partial(_composed, study, path, sheet))
    for name, path in further:
        yield _figure(name, partial(photo, path, LONGEST))
    yield closing("div")


def _measures(file: StudyFile) -> Iterator[Piece]:
    """Yield a table of what was measured of each picture, if the study measures its pictures."""
    if MEASURES not in file.measurements:
        return
    (names,) = file.header.axes.values()
    rows = {
        words(name): [
            None if isnan(value) else float(value) for value in file.array(MEASURES, name)
        ]
        for name in file.names(MEASURES)
    }
    yield facts_table([text(name) for name in names], rows)


def _composed(study: Study, path: Path, sheet: int) -> Photo:
    """Return the picture beside the file if it is this study's; else compose it again."""
    if source_of(path) == study.header.origin:
        return photo(path, LONGEST)
    with open_study(study.path) as file:
        return photo_of_pixels(compose(file, sheet), LONGEST)


def _figure(name: str, take: Callable[[], Photo]) -> Piece:
    try:
        picture = take()
    except DataError as error:
        return Problem(str(error))
    said = [name]
    if picture.is_reduced:
        said.append("reduced from {}×{} pixels".format(*picture.original))
    return element("figure", element("figcaption", text(" · ".join(said))), image_of(picture, name))


def _request(header: Header) -> str:
    said = [
        f"{words(key)} {value_in_words(value)}"
        for key, value in flatten(header.request)
        if value is not None and str(value).strip(", ")
    ]
    return " · ".join(said)
