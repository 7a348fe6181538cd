"""Limits on the memory and time that another program's file may use."""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


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
    unfinished = [_Visit(root)]
    within = {id(root)}
    while unfinished:
        visit = unfinished[-1]
        child = next(visit.children, None)
        if child is None:
            unfinished.pop()
            within.discard(id(visit.value))
            measured[id(visit.value)] = visit.size, visit.depth
            if unfinished:
                unfinished[-1].count(visit.size, visit.depth)
        elif id(child) in within:
            raise RefusedError("an object that contains itself")
        elif id(child) in measured:
            visit.count(*measured[id(child)])
        else:
            within.add(id(child))
            unfinished.append(_Visit(child))
        if visit.depth > limits.depth or visit.size > limits.size:
            raise RefusedError(
                f"containers nested deeper than {limits.depth} or more than {limits.size:,} objects"
            )


class _Visit:
    """A container in the traversal, and the objects found below it so far."""

    def __init__(self, value: object) -> None:
        members = _members(value)
        self.value = value
        self.children = iter([member for member in members if _has_members(member)])
        names = value if isinstance(value, dict) else ()
        self.size = 1 + len(members) + sum(len(t) // 256 for t in _texts(members, names))
        self.depth = 1

    def count(self, size: int, depth: int) -> None:
        self.size += size
        self.depth = max(self.depth, depth + 1)


def _members(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, _CONTAINERS):
        return value
    return value.held() if isinstance(value, Holder) else ()


def _texts(*groups: Collection[object]) -> Iterator[str | bytes]:
    return (each for group in groups for each in group if isinstance(each, str | bytes))


def _has_members(value: object) -> bool:
    # the check of the protocol comes last, as it is slow
    plain = isinstance(value, str | bytes | int | float | None)
    return not plain and isinstance(value, (*_CONTAINERS, Holder))


_MOST_PLAIN = 1024
_LONGEST_NAME = 1000
_CONTAINERS = (dict, list, tuple, set, frozenset)
