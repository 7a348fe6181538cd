"""The HDF5 file of a study: every image with its inputs, safe against interruption.

    /images      uint8 [*shape, H, W, C]          /done   bool [*shape]
    /ws          float32 [*shape, num_ws, w_dim]  /z, /labels, /noise_seed alike
    /row_names, /col_names, /sheet_names, …       text
    /row_sources/…, /col_sources/…, /draws/…      tables like the root's
    /variation/…                                  float32 [*shape, …] and /done: a measurement

Root attributes: schema, study, request (JSON), axes (JSON), recipe (TOML), network_sha256,
versions (JSON), created_utc.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool
from numpy.typing import DTypeLike

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.figures.png import shown
from stylegan_cli.files import writing, written_whole
from stylegan_cli.hdf5 import (
    DAMAGE,
    Claims,
    describe_form,
    open_hdf5,
    reserved,
    root_attribute,
    stored_array,
    text_attribute,
)
from stylegan_cli.recipe import loads
from stylegan_cli.rendering.header import StudyHeader, read_header, write_header
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import PICTURE_CHANNELS, Size

MOST_AXES = 8

Arrays = Mapping[str, np.ndarray | float]
"""Content of one cell of a table, by name."""

HDF5_BYTES, HDF5_BYTES_AN_ARRAY = 2**16, 2**8  # a generous upper bound


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of cells still to be made, with the inputs of each.

    Attributes:
        arrays: Shape and type of each array that a cell will hold, by its name; `images` are
            height, width and channels of uint8.
        columns: Known values: `ws`, `noise_seed` and so on, each of `shape` and whatever one
            cell needs.
    """

    shape: tuple[int, ...]
    arrays: Mapping[str, tuple[tuple[int, ...], DTypeLike]]
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Return the size in the file, with HDF5's overhead for each array."""
        cell = sum(
            prod(shape) * np.dtype(dtype).itemsize + HDF5_BYTES_AN_ARRAY
            for shape, dtype in self.arrays.values()
        )
        return prod(self.shape) * cell + sum(values.nbytes for values in self.columns.values())


class StudyFile:
    """An open study; `open_study` and `create_study` make one."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file, self._claims = file, Claims(file)
        self.header = read_header(file)
        shape = self.header.shape
        groups = [name for name, item in file.items() if isinstance(item, h5py.Group)]
        self.tables = ("/", *(name for name in groups if "images" in file[name]))
        measured = (name for name in groups if "images" not in file[name])
        self.measurements = tuple(name for name in measured if "done" in file[name])
        self._images = {name: _images(file[name]) for name in self.tables}
        *cells, height, width, _ = self._images["/"].shape
        if tuple(cells) != shape:
            raise ValueError(f"{cells} images do not fit their names, {list(shape)}")
        self.size = Size(height, width)
        self.versions: dict[str, str] = json.loads(text_attribute(file, "versions"))
        self.created_utc = text_attribute(file, "created_utc")

    def __enter__(self) -> "StudyFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with _writing(self.path), closing(self._file):
            self._claims.settle()

    def done(self, table: str = "/") -> Bool[np.ndarray, "*shape"]:
        """Return which cells of a table or measurement are stored."""
        with _writing(self.path):
            self._claims.settle()
        flags: np.ndarray = _flags(self._file[table])[...]
        return flags

    @property
    def addresses(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield table and index of every image."""
        for table in self.tables:
            for index in np.ndindex(self.done(table).shape):
                yield table, index

    def image(self, table: str, index: tuple[int, ...]) -> Picture:
        """Return one image, of more than four channels those that the recipe shows."""
        pixels: np.ndarray = self._images[table][index]
        if pixels.shape[-1] in PICTURE_CHANNELS:
            return pixels
        return shown(pixels, self._shown)

    @cached_property
    def _shown(self) -> tuple[int, ...] | None:
        return loads(self.header.recipe).data.shown

    def array(self, table: str, name: str, index: tuple[int, ...] = ()) -> np.ndarray:
        """Return an array of a table or measurement, or the part of it at a cell's index."""
        item = stored_array(self._file[table], name, kinds="biufS", ranks=range(MOST_AXES))
        values: np.ndarray = np.asarray(item[index])
        return values

    def names(self, table: str) -> tuple[str, ...]:
        """Return the names of the arrays in each cell of a table or measurement."""
        group, shape = self._file[table], self.done(table).shape
        others = () if table != "/" else (*self.tables, *self.measurements)
        found: list[str] = []

        def add(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset) and (item.shape or ())[: len(shape)] == shape:
                found.append(name)

        group.visititems(add)
        texts = {"done", *(name for name in found if name.endswith("_names"))}
        return tuple(
            name for name in found if name not in texts and name.split("/")[0] not in others
        )

    def write(self, table: str, index: tuple[int, ...], pixels: Picture) -> None:
        """Store one image; it is safe a second later, or once the file is closed."""
        self.write_cell(table, index, {"images": pixels})

    def write_cell(self, table: str, index: tuple[int, ...], arrays: Arrays) -> None:
        """Store all arrays of one cell, as `write` does an image."""
        group = self._file[table]
        with _writing(self.path):
            for name, values in arrays.items():
                try:
                    group[name][index] = values
                except (KeyError, TypeError, AttributeError):
                    raise DataError(
                        f"{self.path}: damaged, without room for {name} of {table}; "
                        "add `overwrite` to start again"
                    ) from None
            self._claims.add(f"{table}/done", index)


def create_study(path: Path, header: StudyHeader, tables: Mapping[str, Table]) -> StudyFile:
    """Create a file with room for every image and none done.

    Raises:
        OutputError: It cannot be written, there is no room for the images, or another process
            has begun a study there.
    """
    with written_whole(path) as temporary, _writing(path):
        if path.exists():
            raise OutputError(
                f"{path.parent}: another process began a study here at the same time; "
                "wait for it, or choose another `output`"
            )
        _check_room(temporary, tables)
        with h5py.File(temporary, "w", locking=False) as file:
            write_header(file, header)
            for name, table in tables.items():
                _write_table(file.require_group(name), table)
    return open_study(path, write=True)


def open_study(path: Path | str, *, write: bool = False) -> StudyFile:
    """Open an existing file.

    Raises:
        DataError: It is not a study, or damaged.
        OutputError: Another process has it open.
    """
    path = Path(path)
    try:
        file = open_hdf5(path, "r+" if write else "r")
    except OutputError as error:
        raise OutputError(f"{error} or choose another `output`") from None
    try:
        study = StudyFile(path, file)
        for table in (*study.tables, *study.measurements):
            study.done(table)
        return study
    except DataError:
        file.close()
        raise
    except (*DAMAGE, AttributeError) as error:
        file.close()
        raise DataError(f"{path}: not a study, or damaged: {error}") from None


def is_study(path: Path) -> bool:
    """Return whether this is an HDF5 file marked as a study."""
    return root_attribute(path, "study") is not None


def describe_study(path: Path) -> dict[str, Any]:
    """Describe the content and origin of a study file, ready for JSON."""
    with open_study(path) as study:
        shapes = {name: list(study.done(name).shape) for name in study.tables}
        return {
            "study": study.header.study,
            "request": dict(study.header.request),
            "sheets": list(study.header.sheets),
            "axes": {axis: list(names) for axis, names in study.header.axes.items()},
            "shapes": {f"{name}/images".strip("/"): shape for name, shape in shapes.items()},
            "missing": sum(int((~study.done(name)).sum()) for name in study.tables),
            "measurements": list(study.measurements),
            "resolution": study.size.value,
            "network_sha256": study.header.network_sha256,
            "versions": study.versions,
            "created_utc": study.created_utc,
        }


def _flags(table: h5py.Group) -> h5py.Dataset:
    return stored_array(table, "done", kinds="b", ranks=range(MOST_AXES))


def _images(table: h5py.Group) -> h5py.Dataset:
    """Return a table's images, sure to be as many as its flags."""
    cells = _flags(table).shape
    images = stored_array(table, "images", kinds="u", ranks=[len(cells) + 3])
    if images.dtype != np.uint8 or images.shape[:-3] != cells or 0 in images.shape[-3:]:
        raise ValueError(
            f"{images.name}, {describe_form(images)}, do not fit their flags, {list(cells)}"
        )
    return images


def _writing(path: Path) -> AbstractContextManager[None]:
    return writing(path, ValueError, RuntimeError)


def _check_room(path: Path, tables: Mapping[str, Table]) -> None:
    """Check for free space first, as HDF5 clutters stderr when it runs out."""
    if not hasattr(os, "posix_fallocate"):
        return
    needed = HDF5_BYTES + sum(table.nbytes for table in tables.values())
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, needed)
        file.truncate(0)


def _write_table(group: h5py.Group, table: Table) -> None:
    for name, (shape, dtype) in table.arrays.items():
        whole = (*table.shape, *shape)
        # HDF5 cannot chunk an empty array
        chunks = (*(1 for _ in table.shape), *shape) if whole else None
        group.create_dataset(name, whole, dtype, chunks=chunks, dcpl=reserved())
    group["done"] = np.zeros(table.shape, bool)
    for name, values in table.columns.items():
        group[name] = values
