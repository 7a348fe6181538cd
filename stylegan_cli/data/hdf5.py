"""Images in an HDF5 file: ours, and any other with a uint8 data set `images`."""

import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np

from stylegan_cli.data import Entry, Source
from stylegan_cli.data.decoding import Upright, check_pixels, stack_of
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.labels import (
    Annotations,
    Column,
    Numbers,
    checked_labels,
    class_names,
    labels_by_entry,
    named_numbers,
)
from stylegan_cli.errors import DataError
from stylegan_cli.hdf5 import damage_in, describe_form, json_attribute, open_hdf5, stored_array
from stylegan_cli.shapes import Stored
from stylegan_cli.sizes import MOST_CHANNELS


class Hdf5Source(Source):
    """Rows of `images`, `[n, height, width]` or `[n, height, width, channels]`, of any numbers.

    Class numbers or vectors in `labels` and text columns in `attributes/` come along.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = open_hdf5(path)
        try:
            with damage_in(path):
                self._images = self._checked_images()
                self._labels = self._read_labels()
                self._columns = self._read_columns()
        except BaseException:
            self.close()
            raise
        self.count = len(self._images)
        prepared = json_attribute(self._file, "prepared", {})
        self.prepared: Mapping[str, Any] = prepared if isinstance(prepared, dict) else {}
        named = json_attribute(self._file, "classes", [])
        self.classes = class_names(self._labels, named)
        if self._labels is not None and self._labels.ndim == 2:
            names = json_attribute(self._file, "label_names", [])
            self.label_names = named_numbers(names, self._labels.shape[1])

    def entries(self) -> Iterator[Entry]:
        labels = labels_by_entry(self._labels, self.classes)
        for row, label in zip(range(len(self._images)), labels, strict=False):
            attributes = {
                key: column.values[column.index[row]] for key, column in self._columns.items()
            }
            yield Entry(name=f"{row:08d}", position=row, label=label, attributes=attributes)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Upright]:
        yield stack_of(self._pixels(entry.position))

    def checksum(self, entry: Entry) -> int:
        try:
            return zlib.crc32(self._pixels(entry.position).tobytes())
        except UnusableImageError:
            return 0

    def close(self) -> None:
        self._file.close()

    def _pixels(self, row: int) -> np.ndarray:
        _, height, width, *channels = self._images.shape
        check_pixels(width, height, prod(channels) * self._images.dtype.itemsize)
        try:
            pixels: np.ndarray = self._images[row]
        except (OSError, RuntimeError) as error:
            raise UnusableImageError(f"damaged: {error}") from None
        return pixels

    def _checked_images(self) -> Any:
        if "images" not in self._file:
            raise DataError(
                f"{self.name}: no dataset images; found {sorted(self._file)[:10]}; link yours in "
                "Python, file['images'] = file[NAME], of [n, height, width, channels]"
            )
        images = stored_array(self._file, "images", kinds="uif", ranks=(3, 4))
        height, width, *channels = images.shape[1:]
        if not height * width or any(
            count not in range(1, MOST_CHANNELS + 1) for count in channels
        ):
            raise DataError(
                f"{self.name}: images is {describe_form(images)}; needed is [n, height, width] "
                f"or [n, height, width, 1 to {MOST_CHANNELS}]"
            )
        return images

    def _read_labels(self) -> Numbers | None:
        stored = self._file.get("labels")
        if not isinstance(stored, h5py.Dataset) or not stored.size:
            return None
        stored = stored_array(self._file, "labels", kinds="iuf", ranks=(1, 2))
        if len(stored) != len(self._images):
            raise DataError(
                f"{self.name}: {len(stored)} labels for {len(self._images)} images; make it again"
            )
        return checked_labels(stored[()], self.name)

    def _read_columns(self) -> dict[str, Column]:
        group = self._file.get("attributes")
        if not isinstance(group, h5py.Group):
            return {}
        columns = {}
        for key in group:
            stored = stored_array(group, key, kinds="iu", ranks=(1,))
            values = tuple(map(str, json_attribute(stored, "values", [])))
            index = stored[()].astype(np.int64)
            inside = not index.size or 0 <= index.min() <= index.max() < len(values)
            if index.shape != (len(self._images),) or not inside:
                words = f"{self.name}: attributes/{key} does not fit the images; make it again"
                raise DataError(words)
            title = str(json_attribute(stored, "title", key))
            columns[title] = Column(values=values, index=index.tolist())
        return columns


class Hdf5Writer:
    """`images` `[n, H, W, C]`, uint8 or float16, a chunk an image, `labels` and `attributes/`."""

    def __init__(self, path: Path) -> None:
        self._disk = _Disk(path, "w+")
        self._file = h5py.File(self._disk, "w", libver="latest")
        self._images: Any = None

    @staticmethod
    def encode(pixels: Stored) -> Stored:
        return pixels

    def add(self, number: int, encoded: Stored) -> None:
        """Append an image; the number plays no part here."""
        if self._images is None:
            shape = encoded.shape
            self._images = self._file.create_dataset(
                "images", (0, *shape), encoded.dtype, maxshape=(None, *shape), chunks=(1, *shape)
            )
        self._images.resize(len(self._images) + 1, axis=0)
        self._images[-1] = encoded
        self._disk.check()

    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None:
        if annotations.labels is not None:
            self._file["labels"] = annotations.labels
        for key, column in annotations.attributes.items():
            # to HDF5, "/" is a step on a path and "." the group itself
            is_name = key.strip(".") and not re.search(r"[/\0\ud800-\udfff]", key)
            name = key if is_name else f"%{quote(key, safe='', errors='surrogatepass')}"
            stored = self._file.create_dataset(f"attributes/{name}", data=np.array(column.index))
            stored.attrs["values"] = json.dumps(column.values)
            if not is_name:
                stored.attrs["title"] = json.dumps(key)
        self._file.attrs["schema"] = 1
        self._file.attrs["classes"] = json.dumps(annotations.classes)
        if annotations.label_names:
            self._file.attrs["label_names"] = json.dumps(annotations.label_names)
        self._file.attrs["prepared"] = json.dumps(prepared)

    def close(self) -> None:
        self._file.close()
        self._disk.close()
        self._disk.check()


class _Disk(io.FileIO):
    """File that keeps a failed write to itself until asked.

    HDF5 takes the whole process down when the disk is full at its close; it never learns here.
    """

    _failure: OSError | None = None

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self._failure is not None:
            raise self._failure

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self._failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._failure = error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = error
            return self.tell()
