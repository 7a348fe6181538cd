"""Tables of facts about things side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stylegan_cli.report.markup import NOTHING, Html, element, text


def facts_table(columns: Sequence[Html], rows: Mapping[str, Sequence[object]]) -> Html:
    """Show things side by side, a fact a line; lines without any value are left out.

    Args:
        columns: Names of the things; a single one has no heading.
        rows: A value for each thing by name of the fact; None for no value.
    """
    heads = [element("th", name) for name in columns]
    head = element("thead", element("tr", element("td"), *heads)) if heads[1:] else NOTHING
    body = [
        element("tr", element("th", text(name)), *(_cell(value) for value in values))
        for name, values in rows.items()
        if any(value is not None for value in values)
    ]
    return element("div", element("table", head, element("tbody", *body)), class_="wide")


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Flatten facts: inner ones by dotted names, lists in words."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield prefix + key, ", ".join(map(str, value))
        else:
            yield prefix + key, value


def words(name: str) -> str:
    """Return a key in words."""
    return name.replace("_", " ")


def value_in_words(value: object) -> str:
    """Return a value in words: numbers without needless digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cell(value: object) -> Html:
    return element("td", NOTHING if value is None else text(value_in_words(value)))
