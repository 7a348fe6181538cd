"""A prepared data set as HDF5, written so that a full disk ends in words."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stylegan_cli.data.annotations import Annotations
from stylegan_cli.shapes import Picture


class Hdf5Writer:
    """`images` uint8 `[n, H, W, C]`, one chunk an image, with `labels` and `attributes/`."""

    def __init__(self, path: Path) -> None:
        self._disk = _Disk(path, "w+")
        self._file = h5py.File(self._disk, "w", libver="latest")
        self._images: Any = None

    @staticmethod
    def encode(pixels: Picture) -> Picture:
        return pixels

    def add(self, number: int, encoded: Picture) -> None:
        """Append an image; the number plays no part here."""
        if self._images is None:
            shape = encoded.shape
            self._images = self._file.create_dataset(
                "images", (0, *shape), np.uint8, maxshape=(None, *shape), chunks=(1, *shape)
            )
        self._images.resize(len(self._images) + 1, axis=0)
        self._images[-1] = encoded
        self._disk.check()

    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None:
        if annotations.labels is not None:
            self._file["labels"] = annotations.labels
        for key, column in annotations.attributes.items():
            stored = self._file.create_dataset(f"attributes/{key}", data=np.array(column.index))
            stored.attrs["values"] = json.dumps(column.values)
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
