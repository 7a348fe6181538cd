"""The lines of `metrics.jsonl`: results and settings in a table, the rest folded away."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stylegan_cli.report.markup import Html, element, text
from stylegan_cli.report.table import value_in_words, words

CONDITIONS = (
    "case",
    "kimg",
    "psi",
    "class",
    "num_fake",
    "num_real",
    "num",
    "seed",
    "repeat",
    "detector",
    "protocol",
    "data",
    "created_utc",
)
"""Settings shown beside results, if a line has them."""


def metrics(lines: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    """Show a row for each line, and the lines themselves folded away."""
    columns = [key for key in CONDITIONS if any(line.get(key) not in (None, "") for line in lines)]
    names = [element("th", text(words(name))) for name in ("results", *columns)]
    body = [element("tr", *map(_cell, (results(line), *map(line.get, columns)))) for line in lines]
    head = element("thead", element("tr", *names))
    yield element("div", element("table", head, element("tbody", *body)), class_="wide")
    written = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    summary = element("summary", text("Every line in full"))
    yield element("details", summary, element("pre", text(written)))


def results(line: Mapping[str, Any]) -> str:
    """Return the results, as in `fd_alex 3.73 ± 0.02`; without results, the line's numbers."""
    found = line.get("results")
    if not isinstance(found, Mapping):
        found = {name: value for name, value in line.items() if isinstance(value, float)}
    spread = line.get("sd")
    spread = spread if isinstance(spread, Mapping) else {}
    return ", ".join(
        f"{name} {value_in_words(value)}"
        + (f" ± {value_in_words(spread[name])}" if name in spread else "")
        for name, value in found.items()
    )


def _cell(value: object) -> Html:
    return element("td", text("" if value is None else value_in_words(value)))
