"""Images lying on disk: a folder searched recursively, or a list of files."""

import errno
import hashlib
import os
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

from stylegan_cli.data import (
    MAX_FILE_BYTES,
    Entry,
    Groups,
    Source,
    Tally,
    folder_class,
    is_hidden,
    role_of,
    shortened,
)
from stylegan_cli.data.decoding import Upright, decoded
from stylegan_cli.data.formats import MAGIC_BYTES, UnusableImageError
from stylegan_cli.data.label_files import DATASET_JSON, MAX_BYTES, METADATA, find_labels
from stylegan_cli.texts import read_bounded

Identity = tuple[int, int]
_DESCRIPTIONS = (DATASET_JSON, *METADATA, *(f"*/{name}" for name in METADATA))
SAMPLE_BYTES = 2**16
"""Of a large file's start, middle and end: what its checksum is taken of."""


class FolderSource(Source):
    """Images of a folder and its sub-folders, in the order of their sorted relative paths."""

    def __init__(self, root: Path) -> None:
        self.name = str(root)
        self._root = root
        files = (path for pattern in _DESCRIPTIONS for path in root.glob(pattern))
        names = [path.relative_to(root).as_posix() for path in files if path.is_file()]
        self.table, self._described_by = find_labels(
            names, lambda name: read_bounded(root / name, MAX_BYTES), str(root)
        )

    def tally(self) -> Tally:
        passed = Groups()
        images = 0
        for entry, reason in self._files():
            if reason is None:
                images += 1
            elif entry.name not in self._described_by:
                passed.add(reason, entry.name)
        return Tally(images=images, passed=passed.finish())

    def entries(self) -> Iterator[Entry]:
        return (entry for entry, reason in self._files() if reason is None)

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        return _opened(self._root / entry.name, entry)

    def checksum(self, entry: Entry) -> int:
        return _checksum(self._root / entry.name)

    def digest(self, entry: Entry) -> str:
        return sha256_of(self._root / entry.name)

    def remarks(self) -> list[str]:
        classes = {entry.label for entry in self.entries()}
        folders = (child.name for child in self._root.iterdir() if child.is_dir())
        empty = sorted(name for name in folders if name not in classes and not is_hidden(name))
        if not empty or None in classes:
            return []
        return [f"{self.name}: sub-folders without an image, so no classes: {shortened(empty)}"]

    def _files(self) -> Iterator[tuple[Entry, str | None]]:
        """Every file, and the reason why it is passed over if it is no image."""
        for entry in _walk(self._root, "", ()):
            if entry.problem is not None or entry.name.endswith("/"):
                yield entry, None if entry.problem else "a run or study of sgtool"
                continue
            first = partial(_first_bytes, self._root / entry.name)
            problem, passed = role_of(entry.name, first)
            yield replace(entry, problem=problem) if problem else entry, passed


class ListSource(Source):
    """Files named one by one, in the order given."""

    def __init__(self, name: str, paths: Sequence[Path]) -> None:
        self.name, self.count = name, len(paths)
        self._paths = paths

    def entries(self) -> Iterator[Entry]:
        for position, path in enumerate(self._paths):
            yield Entry(name=path.as_posix(), position=position, mark=_size(path))

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        return _opened(self._paths[entry.position], entry)

    def checksum(self, entry: Entry) -> int:
        return _checksum(self._paths[entry.position])

    def digest(self, entry: Entry) -> str:
        return sha256_of(self._paths[entry.position])


UNREADABLE = {errno.EIO, errno.EINVAL, errno.ENODEV, errno.ESTALE}
"""Errors of reading a file that opens: bad sectors, files that the system makes up."""


def _walk(folder: Path, prefix: str, above: tuple[Identity, ...]) -> Iterator[Entry]:
    """Every file below a folder, and folders themselves that are not searched.

    Those have a problem if they cannot be searched, and none if they are sgtool's own.
    """
    try:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            yield Entry(name=prefix, problem="a link back to a folder above it")
            return
        with os.scandir(folder) as listing:
            # a folder's files sort as "folder/…", which is not where its bare name sorts
            children = sorted(
                child.name + "/" * (not is_hidden(child.name) and _is_folder(child))
                for child in listing
            )
    except OSError as error:
        yield Entry(name=prefix or str(folder), problem=f"cannot be searched: {error.strerror}")
        return
    if prefix and kind_of_ours(folder, children):
        yield Entry(name=prefix)
        return
    for child in children:
        if child.endswith("/"):
            yield from _walk(folder / child, prefix + child, (*above, identity))
        else:
            name = prefix + child
            yield Entry(name=name, mark=_size(folder / child), label=folder_class(name))


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link to itself
        return False


def kind_of_ours(folder: Path, children: Sequence[str]) -> Literal["run", "study"] | None:
    """Return whether a folder is that of a run or a study, whose sheets are not meant as images.

    Args:
        children: Names in it, those of folders with a slash at the end.
    """
    if {"recipe.toml", "reals.png"} <= {*children}:
        return "run"
    from stylegan_cli.hdf5 import root_attribute

    files = (folder / child for child in children if child.endswith(".h5"))
    is_study = "images/" in children and any(root_attribute(file, "study") for file in files)
    return "study" if is_study else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # opening it will tell


def sha256_of(path: Path) -> str:
    """Return the hash of a file.

    Raises:
        UnusableImageError: It cannot be read.
    """
    with _regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_bytes(path: Path) -> bytes:
    try:
        with _regular(path) as file:
            return file.read(MAGIC_BYTES)
    except UnusableImageError:
        return b""


def _checksum(path: Path) -> int:
    try:
        with _regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            total = zlib.crc32(file.read(SAMPLE_BYTES))
            for start in (size // 2, size - SAMPLE_BYTES):
                if start >= SAMPLE_BYTES:
                    file.seek(start)
                    total = zlib.crc32(file.read(SAMPLE_BYTES), total)
            return total
    except UnusableImageError:
        return 0


@contextmanager
def _opened(path: Path, entry: Entry) -> Generator[Upright, None, None]:
    if entry.problem:
        raise UnusableImageError(entry.problem)
    with _regular(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            raise UnusableImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        with decoded(file, entry.name) as image:
            yield image


@contextmanager
def _regular(path: Path) -> Generator[BufferedIOBase, None, None]:
    try:
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise UnusableImageError("not a regular file")
        file = path.open("rb")
    except OSError as error:
        raise UnusableImageError(f"cannot be read: {error.strerror}") from None
    try:
        with file:
            yield file
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        raise UnusableImageError(f"cannot be read: {error.strerror}") from None
