"""The file of a report: one self-contained page from a template, written piece by piece."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from stylegan_cli import __version__
from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.report import charts, pictures, tables
from stylegan_cli.report.inputs import Report

HEAD_LENGTH = 2**16
"""Characters at the beginning of a page that include its inputs."""

_INPUTS = re.compile(r'<meta name="sgtool-inputs" content="([^"]*)">')


def write_page(
    report: Report, path: Path, *, most_fakes: int, overwrite: bool = False
) -> Iterator[str | None]:
    """Write the page, one picture in memory at a time; it appears only when whole.

    Yields, for each piece of it, the problem that the piece reports, if any.

    A page of the same inputs, or of some of them, is replaced.

    Args:
        most_fakes: Most pictures of each run's fakes.
        overwrite: Replace an existing file.

    Raises:
        UsageError: The name is not that of a page.
        OutputError: The file exists and is something else, or cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path}: a folder; name a file, such as {path / 'report.html'}")
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError("must end in .html: it is a page", parameter="output", value=path)
    if not (overwrite or _may_replace(path, report)):
        raise OutputError(
            f"{path}: exists and is not a report of these inputs or some of them; "
            "choose another `output` or add `overwrite`"
        )
    written, problems = 0, list[str]()
    page = environment(problems).get_template("page.html")
    pieces = page.generate(
        inputs=json.dumps(report.inputs),
        report=report,
        most_fakes=most_fakes,
        made=f"report by sgtool {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        size=lambda: f"{written / 1e6:.1f}",
    )
    # file names may contain bytes that are not UTF-8
    with written_whole(path) as part, part.open("w", encoding="utf-8", errors="replace") as file:
        for piece in pieces:
            written += file.write(piece)
            yield problems.pop() if problems else None


def environment(problems: list[str]) -> Environment:
    """Return the templates' environment; text from outside is escaped, nothing may be missing.

    Args:
        problems: Takes those that a template notes.
    """

    def note(problem: str) -> str:
        problems.append(problem)
        return problem

    found = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"charts": charts, "pictures": pictures, "tables": tables, "note": note}
    found.globals |= {"f": charts.FRAME, "asset": _asset}
    found.filters |= {
        "anchor": lambda name: name.lower().replace(" ", "-"),
        "hash": _hash,
        "look": charts.look,
        "number": charts.number,
        "said": tables.value_in_words,
        "words": tables.words,
    }
    return found


def _may_replace(path: Path, report: Report) -> bool:
    if not path.exists():
        return True
    with path.open(encoding="utf-8", errors="replace") as file:
        found = _INPUTS.search(file.read(HEAD_LENGTH))
    try:
        return found is not None and set(json.loads(unescape(found[1]))) <= set(report.inputs)
    except (ValueError, TypeError, RecursionError):  # not one of our pages
        return False


def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """Return the hash by which the page's policy allows a style or script; no other one runs."""
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode('ascii')}"
