"""The file of a report: one self-contained page, written piece by piece."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from stylegan_cli import __version__
from stylegan_cli.errors import OutputError
from stylegan_cli.files import written_whole
from stylegan_cli.report.markup import Html, Piece, Problem, element, text
from stylegan_cli.report.sections import Report, pieces

HEAD_LENGTH = 2**16
"""Characters at the beginning of a page that include its inputs."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Progress: another piece of the page is written.

    Attributes:
        characters: Length of the page so far.
        problem: The problem that this piece reports, if any.
    """

    characters: int
    problem: str | None = None


def write_page(
    report: Report, path: Path, *, most_fakes: int, overwrite: bool = False
) -> Iterator[Step]:
    """Write the page, one picture in memory at a time; it appears only when whole.

    A page of the same inputs is replaced.

    Args:
        most_fakes: Most pictures of each run's fakes.
        overwrite: Replace an existing file.

    Raises:
        OutputError: The file exists and is something else, or cannot be written.
    """
    if not (overwrite or _may_replace(path, report)):
        raise OutputError(
            f"{path}: exists and is not a report of the same inputs; "
            "choose another `output` or add `overwrite`"
        )
    before, after = _frame(report)
    # file names may contain bytes that are not UTF-8
    with written_whole(path) as part, part.open("w", encoding="utf-8", errors="replace") as file:
        written = file.write(before)
        for piece in pieces(report, most_fakes):
            problem = piece.words if isinstance(piece, Problem) else None
            written += file.write(f"{_markup(piece)}\n")
            yield Step(characters=written, problem=problem)
        file.write(_size(written) + after)


def _may_replace(path: Path, report: Report) -> bool:
    if not path.exists():
        return True
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return f'content="{_inputs(report)}"' in file.read(HEAD_LENGTH)


def _inputs(report: Report) -> str:
    return escape(json.dumps(report.inputs))


def _frame(report: Report) -> tuple[str, str]:
    """Return the page before and after its sections."""
    before, after = _asset("page.html").split("$body")
    style, script = _asset("page.css"), _asset("page.js")
    values = {
        "inputs": _inputs(report),
        "title": escape(report.title),
        "made": f"report of sgtool {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
    }
    return Template(before).substitute(values), Template(after).substitute(values)


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """Return the hash by which the page's policy allows a style or script; no other one runs."""
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode('ascii')}"


def _markup(piece: Piece) -> Html:
    if isinstance(piece, Problem):
        return element("p", text(piece.words), class_="problem")
    return piece


def _size(written: int) -> Html:
    said = f"{written / 1e6:.1f} MB, needs no other file and no network"
    return element("p", text(said), class_="quiet")
