"""Images in a zip file, read in place: nothing is ever extracted to disk."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from stylegan_cli.data import dataset_json
from stylegan_cli.data.entries import (
    MAX_FILE_BYTES,
    Entry,
    Tally,
    folder_class,
    is_hidden,
    is_image,
    is_unsafe,
)
from stylegan_cli.data.pictures import UnusableImageError, decode
from stylegan_cli.errors import DataError

READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others unpack without a bound
MAX_RATIO = 200
MAX_TINY_BYTES = 16 * 2**20  # up to here any ratio will do
MAX_INDEX_BYTES = 2**30


class ZipSource:
    """Images of a zip, in the order of their sorted paths below the folder all share."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f"{path}: not a readable zip file ({error}); fetch it again") from None
        self._files = [info for info in self._zip.infolist() if not info.is_dir()]
        self._images = sorted(
            (place for place, info in enumerate(self._files) if _is_wanted(_name(info))),
            key=lambda place: _name(self._files[place]),
        )
        self._root = self._common_root()
        self._index = self._read_index()
        self.classes = self._index.classes if self._index else ()
        self.prepared: Mapping[str, Any] = self._index.prepared if self._index else {}

    def tally(self) -> Tally:
        described = self._index is not None
        return Tally(
            images=len(self._images), ignored=len(self._files) - len(self._images) - described
        )

    def entries(self) -> Iterator[Entry]:
        found = (self._entry(place) for place in self._images)
        return self._index.annotate(found) if self._index else found

    def open(self, entry: Entry) -> Image.Image:
        if entry.problem:
            raise UnusableImageError(entry.problem)
        return decode(self._read(self._files[entry.position], MAX_FILE_BYTES))

    def close(self) -> None:
        self._zip.close()

    def _common_root(self) -> str:
        names = [_name(self._files[place]) for place in self._images]
        safe = [name for name in names if not is_unsafe(name)]
        first, slash, _ = (safe[0] if safe else "").partition("/")
        if not slash or any(not name.startswith(first + slash) for name in safe):
            return ""
        # a single folder of a prepared file is its layout, not a folder someone zipped
        beside = dataset_json.NAME in self._zip.namelist()
        return "" if beside else first + slash

    def _read_index(self) -> dataset_json.DatasetIndex | None:
        try:
            info = self._zip.getinfo(self._root + dataset_json.NAME)
        except KeyError:
            return None
        where = f"{self.name}/{info.filename}"
        try:
            return dataset_json.parse(self._read(info, MAX_INDEX_BYTES), where)
        except UnusableImageError as error:
            raise DataError(f"{where}: {error}; remove or repair it") from None

    def _entry(self, place: int) -> Entry:
        info = self._files[place]
        name = _name(info)
        if is_unsafe(name):
            return Entry(name=name, problem="its name points out of the zip file")
        name = name.removeprefix(self._root)
        return Entry(name=name, position=place, mark=info.CRC, label=folder_class(name))

    def _read(self, info: zipfile.ZipInfo, limit: int) -> bytes:
        if info.compress_type not in READABLE:
            raise UnusableImageError("compressed by a method other than deflate")
        ratio = info.file_size / max(1, info.compress_size)
        if info.file_size > limit or (info.file_size > MAX_TINY_BYTES and ratio > MAX_RATIO):
            raise UnusableImageError(
                f"would unpack to {info.file_size} bytes, {ratio:.0f} times its size"
            )
        try:
            with self._zip.open(info) as file:
                # without a size, zipfile unpacks up to 2 GiB before it looks at the declared one
                return file.read(info.file_size)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
            raise UnusableImageError(f"damaged zip entry: {error}") from None


def _is_wanted(name: str) -> bool:
    return is_image(name) and (is_unsafe(name) or not is_hidden(name))


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")
