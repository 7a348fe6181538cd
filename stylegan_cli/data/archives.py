"""Images in a zip file, read in place: nothing is ever extracted to disk."""

import io
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path, PurePosixPath

from stylegan_cli.data import (
    MAX_FILE_BYTES,
    MAX_RATIO,
    MAX_TINY_BYTES,
    Entry,
    Groups,
    Source,
    Tally,
    folder_class,
    is_image,
    is_unsafe,
    role_of,
)
from stylegan_cli.data.decoding import Upright, decoded
from stylegan_cli.data.formats import MAGIC_BYTES, UnusableImageError
from stylegan_cli.data.label_files import DATASET_JSON, find_labels
from stylegan_cli.data.labels import LabelTable
from stylegan_cli.errors import DataError

ENCRYPTED = 1
"""Bit of the flags of an entry."""
READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others unpack without a bound
INDEX_BYTES, INDEX_BYTES_AN_IMAGE = 2**24, 2**10
"""Room for `dataset.json`, generously."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, UnicodeDecodeError)


class ZipSource(Source):
    """Images of a zip, in the order of their sorted paths below the folder all share."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f"{path}: not a readable zip file ({error}); fetch it again") from None
        # a source that nobody closed may be part of a reference cycle
        weakref.finalize(self, self._zip.close)
        self._files = [info for info in self._zip.infolist() if not info.is_dir()]
        self._others: list[tuple[str, str]] = []
        self._images = list(self._find_images())
        self._root = self._common_root()
        self.table, named = self._read_table()
        self._described_by = {self._root + name for name in named}

    def tally(self) -> Tally:
        passed = Groups()
        for reason, name in self._others:
            if name not in self._described_by:
                passed.add(reason, name)
        return Tally(images=len(self._images), passed=passed.finish())

    def entries(self) -> Iterator[Entry]:
        return (self._entry(place, problem) for place, problem in self._images)

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        if entry.problem:
            raise UnusableImageError(entry.problem)
        content = self._read(self._files[entry.position], MAX_FILE_BYTES)
        return decoded(io.BytesIO(content), entry.name)

    def digest(self, entry: Entry) -> int:
        return entry.mark

    def close(self) -> None:
        self._zip.close()

    def _find_images(self) -> Iterator[tuple[int, str | None]]:
        """Places of images in the order of their names, each with the reason not to read it."""
        order = sorted(range(len(self._files)), key=lambda place: _name(self._files[place]))
        for place in order:
            info = self._files[place]
            name = _name(info)
            if is_unsafe(name):
                if is_image(name):
                    yield place, "its name leads outside the zip file"
                else:
                    self._others.append(("names that lead outside the zip file", name))
                continue
            problem, passed = role_of(name, partial(self._first_bytes, info))
            if passed is None:
                yield place, problem
            elif PurePosixPath(name).name != DATASET_JSON:
                self._others.append((passed, name))

    def _common_root(self) -> str:
        names = [_name(self._files[place]) for place, _ in self._images]
        safe = [name for name in names if not is_unsafe(name)]
        first, slash, _ = (safe[0] if safe else "").partition("/")
        if not slash or any(not name.startswith(first + slash) for name in safe):
            return ""
        # the single folder of a prepared file is part of its layout
        beside = DATASET_JSON in self._zip.namelist()
        return "" if beside else first + slash

    def _read_table(self) -> tuple[LabelTable | None, list[str]]:
        inside = {
            _name(info).removeprefix(self._root): info
            for info in self._files
            if _name(info).startswith(self._root) and not is_unsafe(_name(info))
        }
        where = f"{self.name}/{self._root}".rstrip("/")
        return find_labels(inside, lambda name: self._described(inside[name]), where)

    def _described(self, info: zipfile.ZipInfo) -> bytes:
        bound = INDEX_BYTES + INDEX_BYTES_AN_IMAGE * len(self._images)
        try:
            return self._read(info, bound)
        except UnusableImageError as error:
            raise DataError(f"{self.name}/{info.filename}: {error}; remove or repair it") from None

    def _entry(self, place: int, problem: str | None) -> Entry:
        info = self._files[place]
        name = _name(info).removeprefix(self._root)
        if problem is not None:
            return Entry(name=name, problem=problem)
        return Entry(name=name, position=place, mark=info.CRC, label=folder_class(name))

    def _first_bytes(self, info: zipfile.ZipInfo) -> bytes:
        if info.compress_type not in READABLE:
            return b""
        try:
            with self._zip.open(info) as file:
                return file.read(MAGIC_BYTES)
        except _DAMAGE:
            return b""

    def _read(self, info: zipfile.ZipInfo, limit: int) -> bytes:
        if info.flag_bits & ENCRYPTED:
            raise UnusableImageError("encrypted; unpack the zip file with its password first")
        if info.compress_type not in READABLE:
            raise UnusableImageError("compressed by a method other than deflate")
        ratio = info.file_size / max(1, info.compress_size)
        if info.file_size > limit or (info.file_size > MAX_TINY_BYTES and ratio > MAX_RATIO):
            raise UnusableImageError(
                f"would unpack to {info.file_size} bytes, {ratio:.0f} times its size"
            )
        try:
            with self._zip.open(info) as file:
                # without a size, zipfile unpacks up to 2 GiB before it checks the declared one
                return file.read(info.file_size)
        except _DAMAGE as error:
            raise UnusableImageError(f"damaged zip entry: {error}") from None


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")
