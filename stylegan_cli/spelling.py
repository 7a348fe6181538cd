"""Which name was meant by one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, names: Iterable[str]) -> str:
    """Words that lead to the name spelt most like a word; none if none is much like it."""
    nearest = get_close_matches(word, list(names), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def meant_or_all(word: str, names: Iterable[str], *, offer: str = "use") -> str:
    """The same; where no name is much like the word, all of them.

    Args:
        offer: What comes before all the names.
    """
    known = list(names)
    return meant(word, known) or f"; {offer} {', '.join(known)}"
