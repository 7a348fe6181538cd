"""A study as a report shows it: its composed pictures under its request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_cli.errors import DataError
from stylegan_cli.results.folder import StudyPaths
from stylegan_cli.results.header import Header
from stylegan_cli.results.report.markup import Html, closing, element, opening, text
from stylegan_cli.results.report.photo import (
    Photo,
    image_of,
    photo,
    photo_of_pixels,
    source_of,
)
from stylegan_cli.results.report.piece import Piece, Problem
from stylegan_cli.results.report.table import flatten, value_in_words, words
from stylegan_cli.results.sheet import compose
from stylegan_cli.results.store import open_study

LONGEST = 1600
"""Side of a composed picture at most, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study's file says of itself.

    Attributes:
        name: Unlike that of any other study of the report.
        missing: Images that are not there yet.
    """

    name: str
    path: Path
    header: Header
    created_utc: str
    versions: Mapping[str, Any]
    missing: int


def read_study(path: Path, name: str) -> Study:
    """Everything a report shows of a study but its pictures.

    Raises:
        DataError: It is no study, or damaged.
    """
    with open_study(path) as file:
        return Study(
            name=name,
            path=path,
            header=file.header,
            created_utc=file.created_utc,
            versions=file.versions,
            missing=sum(int((~file.done(table)).sum()) for table in file.tables),
        )


def show_study(study: Study, drawn_by: str) -> Iterator[Piece]:
    """The study's request and pictures.

    Args:
        drawn_by: The network, in a few words.
    """
    yield element("h3", text(f"{study.header.study}: {study.name}"))
    yield element("p", text(f"{_request(study.header)} · {drawn_by}"), class_="quiet")
    if study.missing:
        yield Problem(f"{study.path}: {study.missing} images are missing; run its command again")
    yield opening("div", class_="sheets")
    for sheet, (name, path) in enumerate(_sheets(study)):
        try:
            yield _figure(name, _composed(study, path, sheet))
        except DataError as error:
            yield Problem(str(error))
    for path in _further_pictures(study):
        try:
            yield _figure(path.stem, photo(path, LONGEST))
        except DataError as error:
            yield Problem(str(error))
    yield closing("div")


def _sheets(study: Study) -> list[tuple[str, Path]]:
    paths = StudyPaths(folder=study.path.parent, header=study.header).sheets
    return list(zip(study.header.sheets, paths, strict=True))


def _composed(study: Study, path: Path, sheet: int) -> Photo:
    """The picture beside the file, if it is this study's; else it is composed anew."""
    if source_of(path) == study.header.origin:
        return photo(path, LONGEST)
    with open_study(study.path) as file:
        return photo_of_pixels(compose(file, sheet), LONGEST)


def _further_pictures(study: Study) -> list[Path]:
    sheets = {path for _, path in _sheets(study)}
    beside = sorted(study.path.parent.glob("*.png"))
    return [p for p in beside if p not in sheets and source_of(p) == study.header.origin]


def _figure(name: str, picture: Photo) -> Html:
    said = [name]
    if picture.is_reduced:
        said.append("reduced from {}×{} pixels".format(*picture.original))
    return element("figure", element("figcaption", text(" · ".join(said))), image_of(picture, name))


def _request(header: Header) -> str:
    said = [f"{words(key)} {value}" for key, value in flatten(header.request) if value is not None]
    return " · ".join(said)
