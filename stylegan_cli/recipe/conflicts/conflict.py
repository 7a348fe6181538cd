"""One broken rule."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A rule that a recipe breaks.

    Attributes:
        keys: Dotted keys that take part; the first one is to blame.
        words: What is wrong, what was found, what to do.
    """

    keys: tuple[str, ...]
    words: str
