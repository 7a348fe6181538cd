"""Data sets: sources of images, whose entries have a fixed order and are opened one by one."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.formats import (
    SUFFIXES,
    starts_like_image,
    suffix_of,
    unread_kind,
    why_unread,
)

Label = str | tuple[float, ...]
"""A class by its name, or a vector of numbers."""

HDF5_SUFFIXES = frozenset({".h5", ".hdf5"})
DATA_SETS = HDF5_SUFFIXES | {".zip", ".tar", ".tgz", ".parquet", ".tfrecord", ".tfrecords"}
MAX_FILE_BYTES = 2**30
MAX_RATIO, MAX_TINY_BYTES = 200, 16 * 2**20
"""Greatest size unpacked: so many times the packed one, or this, whichever is more."""
PREPARED_NAME = re.compile(r"\d{5}/img\d{8}\.(png|npy)")
SHOWN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One image of a source, not opened yet.

    Attributes:
        name: Path within the source, with forward slashes; entries are sorted by it.
        position: Where the source keeps it.
        mark: Size or checksum, as far as the source has it without opening the image.
        problem: Reason not even to open it.
    """

    name: str
    position: int = 0
    mark: int = 0
    label: Label | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Files or images that have a reason in common.

    Attributes:
        example: Name of the first of them.
    """

    count: int
    example: str


class Groups:
    """Counts of names by reason, with an example of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, reason: str, name: str, *, count: int = 1) -> None:
        self._counts[reason] += count
        self._examples.setdefault(reason, printable(name))

    def finish(self) -> dict[str, Group]:
        """Return the groups, the largest first."""
        return {
            reason: Group(count=count, example=self._examples[reason])
            for reason, count in self._counts.most_common()
        }


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Number of entries of a source, and the files it passed over by reason."""

    images: int
    passed: Mapping[str, Group] = field(default_factory=dict)

    @property
    def ignored(self) -> int:
        """Return the number of files passed over."""
        return sum(group.count for group in self.passed.values())


@runtime_checkable
class Source(Protocol):
    """A folder, list, archive or file of images; `open` is safe in several threads.

    Attributes:
        name: Path, for messages; empty for files named one by one.
        count: Number of images, where it is known without a search.
        classes: Names of the classes in the order of their numbers, where the source gives them.
        label_names: Names of the numbers of a label, where labels are numbers and have names.
        prepared: How `data prepare` made it; empty if it did not.
    """

    name: str
    count: int = 0
    classes: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    prepared: Mapping[str, Any] = MappingProxyType({})

    def tally(self) -> Tally:
        return Tally(images=self.count)

    def entries(self) -> Iterator[Entry]: ...
    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        """Decode the image while the block runs."""

    def checksum(self, entry: Entry) -> int | None:
        """Return a number that changes with the stored image; None if the entry's mark does."""
        return None

    def digest(self, entry: Entry) -> object:
        """Return a value equal only for equal stored bytes; None if it takes the whole file."""
        return None

    def remarks(self) -> list[str]:
        """Return what the user should know about the labels, such as names that match nothing."""
        return []

    def close(self) -> None:
        """Close its files."""
        return


def entry_path(source: Source, entry: Entry) -> str:
    """Return the path of an entry as messages show it, safe for a terminal."""
    return printable(f"{source.name}/{entry.name}" if source.name else entry.name)


def is_hidden(name: str) -> bool:
    """Return whether a path belongs to an operating system (`.DS_Store`, `__MACOSX`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def is_image(name: str) -> bool:
    """Return whether a name has the suffix of an image that is read."""
    return suffix_of(name) in SUFFIXES


def role_of(name: str, first_bytes: Callable[[], bytes]) -> tuple[str | None, str | None]:
    """Return why an image cannot be read, and why a file is no image; by its name if that tells.

    Args:
        first_bytes: Reads the start of the file; called only where the name says nothing.
    """
    if is_hidden(name):
        return None, "hidden"
    if is_image(name):
        return None, None
    if (suffix := suffix_of(name)) in DATA_SETS:
        return None, f"data sets of their own ({suffix}), to be given by their paths"
    if kind := unread_kind(name):
        return why_unread(kind), None
    is_none = None if starts_like_image(first_bytes()) else f"not images ({suffix or 'no suffix'})"
    return None, is_none


def is_unsafe(name: str) -> bool:
    """Return whether an entry's name leads outside its archive: absolute, or through `..`."""
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:", name)) or ".." in name.split("/")


def folder_class(name: str) -> str | None:
    """Return the class of an image: the first sub-folder on its path."""
    if PREPARED_NAME.fullmatch(name):
        return None
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def printable(name: str) -> str:
    """Return a file name without what could steer a terminal or break an encoding."""
    return "".join(char if char.isprintable() else "�" for char in name)


def shortened(names: Iterable[str]) -> str:
    """Return names as a list in words, the first few of many."""
    shown = [printable(name) for name in names]
    return ", ".join([*shown[:SHOWN], "…"] if len(shown) > SHOWN else shown)
