"""Pickles read as plain data, and limits on the memory and time that a file may use."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

ZIP_START = b"PK\x03\x04"
STREAM_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of the files of torch: zips, and streams of pickles before torch 1.6."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on a file; a file beyond them is refused.

    Attributes:
        file_bytes: Size of the pickle, and so of everything in it.
        operations: Instructions, and so objects.
        size: Objects in a traversal, shared ones counted at every visit; a
            text counts as one more for each 256 characters.
    """

    file_bytes: int = 2**30
    operations: int = 500_000
    memo: int = 250_000
    depth: int = 64
    size: int = 1_000_000


class RefusedError(Exception):
    """Something in a pickle that is outside what we read; the message names it."""


class RefusedNameError(RefusedError):
    """A class or function that a pickle asks for."""


class UnsupportedError(Exception):
    """A network that ours cannot be, and why; `refusals_in_words` names the file."""


MOST_TENSORS = 10_000
"""In one file; networks have some hundreds."""


@runtime_checkable
class Holder(Protocol):
    """An object of ours that holds values from a pickle."""

    def held(self) -> Collection[object]: ...


@runtime_checkable
class Stateful(Protocol):
    """An object of ours that checks and takes its state from a pickle."""

    def set_state(self, state: object) -> None: ...


def shown(text: str) -> str:
    """Return a text from a file for use in a message: short, without control characters."""
    plain = text if text.isprintable() else ascii(text[:80])[1:-1]
    return plain if len(plain) <= 80 else f"{plain[:79]}…"


def shown_value(value: object) -> str:
    """Return a value from a file for use in a message; neither number nor text: its type."""
    few = value if isinstance(value, list | tuple) and len(value) <= 8 else (value,)
    plain = all(isinstance(each, str | int | float | None) for each in few)
    return shown(str(value) if plain else type(value).__name__)


def plain_key(value: object) -> Hashable:
    """Return the value as a key of a dict or an element of a set."""
    # crafted integers can collide, which would take hours; hashes of strings are salted
    if isinstance(value, int) and abs(value) < 2**60:
        return value if abs(value) < _MOST_PLAIN else str(value)
    if value is None or (isinstance(value, str | bytes) and len(value) <= _LONGEST_NAME):
        return value
    raise RefusedError(f"a key or element of type {type(value).__name__}")


def check_nesting(root: object, limits: Limits) -> None:
    """Raise if a value contains itself, or is too deep or too large to traverse."""
    measured: dict[int, tuple[int, int]] = {}
    within: set[int] = set()

    def measure(value: object) -> tuple[int, int]:
        """Return the number of objects in a value and the depth of its containers."""
        if id(value) in measured:
            return measured[id(value)]
        if id(value) in within:
            raise RefusedError("an object that contains itself")
        within.add(id(value))
        members, names = _members(value), value if isinstance(value, dict) else ()
        texts = (each for each in (*members, *names) if isinstance(each, str | bytes))
        size, depth = 1 + len(members) + sum(len(text) // 256 for text in texts), 1
        for member in members:
            if size <= limits.size and len(within) <= limits.depth and _has_members(member):
                below, levels = measure(member)
                size, depth = size + below, max(depth, levels + 1)
        if max(depth, len(within)) > limits.depth or size > limits.size:
            raise RefusedError(
                f"containers nested deeper than {limits.depth} or more than {limits.size:,} objects"
            )
        within.discard(id(value))
        measured[id(value)] = size, depth
        return size, depth

    measure(root)


def _members(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, _CONTAINERS):
        return value
    return value.held() if isinstance(value, Holder) else ()


def _has_members(value: object) -> bool:
    # the check of the protocol comes last, as it is slow
    plain = isinstance(value, str | bytes | int | float | None)
    return not plain and isinstance(value, (*_CONTAINERS, Holder))


_MOST_PLAIN = 1024
_LONGEST_NAME = 1000
_CONTAINERS = (dict, list, tuple, set, frozenset)
