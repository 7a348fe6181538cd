"""Prepared data sets on their way to disk; they get their name when they are whole."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from stylegan_cli.data import dataset_json
from stylegan_cli.data.annotations import Annotations
from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.shapes import Picture

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same images give the same bytes on any day


class Writer(Protocol):
    """Takes squares one by one, then what is known about all of them."""

    @staticmethod
    def encode(pixels: Picture) -> Any:
        """The costly part of writing, safe in several threads."""
        ...

    def add(self, number: int, encoded: Any) -> None: ...
    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


@contextmanager
def open_writer(path: Path, *, overwrite: bool = False) -> Iterator[Writer]:
    """A writer by the suffix of a path; nothing is left behind when the block fails.

    Raises:
        UsageError: Another suffix than .zip, .h5 or .hdf5.
        OutputError: The path is taken, or cannot be written.
    """
    kind = WRITERS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: a data set is written as .zip or .h5; name it so")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; name another file or add --overwrite")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = kind(part)
        try:
            yield writer
        finally:
            writer.close()
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be written: {reason}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


class ZipWriter:
    """The field's layout: `00012/img00012345.png`, stored, and `dataset.json`."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._names: list[str] = []

    @staticmethod
    def encode(pixels: Picture) -> bytes:
        """A PNG without compression: training reads it often, and disks are large."""
        grey = pixels.shape[2] == 1
        buffer = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if grey else pixels).save(buffer, "png", compress_level=0)
        return buffer.getvalue()

    def add(self, number: int, encoded: bytes) -> None:
        """Store an encoded image under its number among the source's images."""
        digits = f"{number:08d}"
        name = f"{digits[:5]}/img{digits}.png"
        self._zip.writestr(zipfile.ZipInfo(name, EPOCH), encoded)
        self._names.append(name)

    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None:
        entry = zipfile.ZipInfo(dataset_json.NAME, EPOCH)
        with self._zip.open(entry, "w", force_zip64=True) as file:
            for piece in dataset_json.dump(annotations, self._names, prepared):
                file.write(piece.encode())

    def close(self) -> None:
        self._zip.close()


class Hdf5Writer:
    """`images` uint8 `[n, H, W, C]`, one chunk an image, with `labels` and `attributes/`."""

    def __init__(self, path: Path) -> None:
        import h5py

        self._file = h5py.File(path, "w", libver="latest")
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

    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None:
        if annotations.labels is not None:
            self._file["labels"] = annotations.labels
        for key, column in annotations.attributes.items():
            stored = self._file.create_dataset(f"attributes/{key}", data=np.array(column.index))
            stored.attrs["values"] = json.dumps(column.values)
        self._file.attrs["schema"] = 1
        self._file.attrs["classes"] = json.dumps(annotations.classes)
        self._file.attrs["prepared"] = json.dumps(prepared)

    def close(self) -> None:
        self._file.close()


WRITERS: dict[str, Callable[[Path], Writer]] = {
    ".zip": ZipWriter,
    ".h5": Hdf5Writer,
    ".hdf5": Hdf5Writer,
}
