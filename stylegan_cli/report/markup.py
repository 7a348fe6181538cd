"""HTML without injection: only `text` and `element` turn strings into Html."""

from dataclasses import dataclass
from html import escape
from typing import NewType

Html = NewType("Html", str)
"""Our markup; everything from outside went through `text` or is an attribute's value."""

NOTHING = Html("")
_WITHOUT_END = {"img", "input"}


def text(value: object) -> Html:
    """Return a value as escaped text."""
    return Html(escape(str(value)))


def join(*parts: Html) -> Html:
    """Return the parts, one after the other."""
    return Html("".join(parts))


def element(name: str, *children: Html, **attributes: object) -> Html:
    """Return an element of HTML or SVG.

    Args:
        attributes: By name, `class_` for class and `data_x` for data-x; True gives the name
            alone, None and False leave it out.
    """
    opening = f"<{name}{''.join(_attribute(*pair) for pair in attributes.items())}>"
    return Html(opening if name in _WITHOUT_END else f"{opening}{join(*children)}</{name}>")


def opening(name: str, **attributes: object) -> Html:
    """Return the start tag of an element that is written piece by piece."""
    return Html(element(name, **attributes).removesuffix(f"</{name}>"))


def closing(name: str) -> Html:
    """Return the end tag of an element begun with `opening`."""
    return Html(f"</{name}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'


@dataclass(frozen=True)
class Problem:
    """Something left out of the page, in words."""

    words: str


Piece = Html | Problem
