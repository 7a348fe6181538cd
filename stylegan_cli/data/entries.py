"""What a source of images offers: entries in a fixed order, opened one by one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from stylegan_cli.data.pictures import SUFFIXES

Label = str | tuple[float, ...]
"""A class by its name, or a vector of numbers."""

HDF5_SUFFIXES = frozenset({".h5", ".hdf5"})
MAX_FILE_BYTES = 256 * 2**20
PREPARED_NAME = re.compile(r"\d{5}/img\d{8}\.png")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One image of a source, not opened yet.

    Attributes:
        name: Path within the source, with forward slashes; entries are sorted by it.
        position: Where the source keeps it.
        mark: Size or checksum: differs where the image differs, as far as that is cheap to know.
        problem: Why it must not even be opened.
    """

    name: str
    position: int = 0
    mark: int = 0
    label: Label | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many entries a source has, and how many other files it passed over."""

    images: int
    ignored: int = 0


@runtime_checkable
class Source(Protocol):
    """A folder, list, zip or HDF5 file of images; `open` is safe in several threads.

    Attributes:
        name: What messages call it; empty for files named one by one.
        classes: Names of the classes in the order of their numbers, where the source says so.
        prepared: How `data prepare` made it; empty if it did not.
    """

    name: str
    classes: tuple[str, ...]
    prepared: Mapping[str, Any]

    def tally(self) -> Tally: ...
    def entries(self) -> Iterator[Entry]: ...
    def open(self, entry: Entry) -> Image.Image: ...
    def close(self) -> None: ...


def entry_path(source: Source, entry: Entry) -> str:
    """What messages call an entry: its source, then its name in it, fit for a terminal."""
    return printable(f"{source.name}/{entry.name}" if source.name else entry.name)


def is_hidden(name: str) -> bool:
    """Whether some part of a path is an operating system's business (`.DS_Store`, `__MACOSX`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def is_unsafe(name: str) -> bool:
    """Whether an archive's entry points out of the archive: absolute, or through `..`."""
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:", name)) or ".." in name.split("/")


def folder_class(name: str) -> str | None:
    """Class of an image: the first sub-folder on its path."""
    if PREPARED_NAME.fullmatch(name):
        return None
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def printable(name: str) -> str:
    """A file name without what could steer a terminal or break an encoding."""
    return "".join(char if char.isprintable() else "�" for char in name)
