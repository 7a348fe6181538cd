"""Writers of prepared data sets, which get their names when they are whole."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from stylegan_cli.data import HDF5_SUFFIXES
from stylegan_cli.data.formats import ARRAY_SUFFIX
from stylegan_cli.data.label_files import DATASET_JSON
from stylegan_cli.data.labels import Annotations
from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.shapes import Stored
from stylegan_cli.sizes import PICTURE_CHANNELS

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same images give the same bytes on any day


@runtime_checkable
class Writer(Protocol):
    """Writer of squares one by one, then of what is known about all of them."""

    @staticmethod
    def encode(pixels: Stored) -> Any:
        """Do the costly part of writing; safe in several threads."""
        ...

    def add(self, number: int, encoded: Any) -> None: ...
    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


@contextmanager
def open_writer(path: Path, *, overwrite: bool = False) -> Iterator[Writer]:
    """Open a writer by the suffix of a path; nothing is left behind when the block fails.

    Raises:
        UsageError: Another suffix than .zip, .h5 or .hdf5.
        OutputError: The path is taken, or cannot be written.
    """
    if path.suffix.lower() not in {".zip", *HDF5_SUFFIXES}:
        raise UsageError(f"{path}: a data set is written as .zip or .h5; name it so")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; name another file or choose `overwrite`")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    kind: Callable[[Path], Writer] = ZipWriter
    if path.suffix.lower() != ".zip":
        from stylegan_cli.data.hdf5 import Hdf5Writer

        kind = Hdf5Writer
    with written_whole(path) as part, closing(kind(part)) as writer:
        yield writer


class ZipWriter:
    """Writer of the field's layout: `00012/img00012345.png`, stored, and `dataset.json`."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._names: list[str] = []

    @staticmethod
    def encode(pixels: Stored) -> bytes:
        """Return a PNG without compression: training reads it often, and disks are large.

        Stacks and float16, which PNG cannot hold, become arrays.
        """
        grey = pixels.shape[2] == 1
        buffer = io.BytesIO()
        if pixels.shape[2] not in PICTURE_CHANNELS or pixels.dtype != np.uint8:
            np.lib.format.write_array(buffer, pixels, version=(1, 0), allow_pickle=False)
            return buffer.getvalue()
        Image.fromarray(pixels[:, :, 0] if grey else pixels).save(buffer, "png", compress_level=0)
        return buffer.getvalue()

    def add(self, number: int, encoded: bytes) -> None:
        """Store an encoded image under its number among the source's images."""
        digits = f"{number:08d}"
        suffix = ARRAY_SUFFIX if encoded.startswith(b"\x93NUMPY") else ".png"
        name = f"{digits[:5]}/img{digits}{suffix}"
        self._zip.writestr(zipfile.ZipInfo(name, EPOCH), encoded)
        self._names.append(name)

    def finish(self, annotations: Annotations, prepared: Mapping[str, Any]) -> None:
        entry = zipfile.ZipInfo(DATASET_JSON, EPOCH)
        with self._zip.open(entry, "w", force_zip64=True) as file:
            for piece in dump_dataset_json(annotations, self._names, prepared):
                file.write(piece.encode())

    def close(self) -> None:
        self._zip.close()


def dump_dataset_json(
    annotations: Annotations, names: Sequence[str], prepared: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a `dataset.json` for images of these names in small pieces."""
    yield '{"labels": '
    if annotations.labels is None:
        yield "null"
    else:
        for place, (name, label) in enumerate(zip(names, annotations.labels, strict=True)):
            opening = "," if place else "["
            yield f"{opening}\n{json.dumps([name, label.tolist()])}"
        yield "]"
    yield f',\n"classes": {json.dumps(annotations.classes)}'
    if annotations.label_names:
        yield f',\n"label_names": {json.dumps(annotations.label_names)}'
    attributes = {
        key: {"values": column.values, "index": list(column.index)}
        for key, column in annotations.attributes.items()
    }
    yield f',\n"attributes": {json.dumps(attributes)}'
    yield f',\n"prepared": {json.dumps(prepared)}}}\n'
