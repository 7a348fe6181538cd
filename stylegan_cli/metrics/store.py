"""The HDF5 file of a measurement: the numbers of every sample, kept as they come.

    /done   bool [n]        /distances, /logits, …   float32 [n, …]

Root attributes: schema, metric, request (JSON: everything that decides the numbers), versions
(JSON), created_utc. While samples are missing the file is hidden: `.ppl.h5.partial`.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from jaxtyping import Bool

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.files import put_in_place, writing
from stylegan_cli.hdf5 import (
    Claims,
    damage_in,
    note_origin,
    open_hdf5,
    reserved,
    root_attribute,
    stored_array,
    text_attribute,
    written_hdf5,
)
from stylegan_cli.rendering.header import differing

SCHEMA = 1
UNFINISHED = ".{}.partial"


class Measurements:
    """An open file of numbers; `open_measurements` makes one.

    Attributes:
        damage: Reason why an unfinished file could not be resumed, if any.
    """

    def __init__(self, path: Path, file: h5py.File, *, damage: str | None = None) -> None:
        self.path = path
        self.damage = damage
        self._file, self._claims = file, Claims(file)

    def __enter__(self) -> "Measurements":
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self.path, ValueError, RuntimeError), closing(self._file):
            self._claims.settle()

    @property
    def is_finished(self) -> bool:
        return Path(self._file.filename) == self.path

    @property
    def done(self) -> Bool[np.ndarray, " n"]:
        self._claims.settle()
        flags: np.ndarray = self._file["done"][...]
        return flags

    def read(self, name: str) -> np.ndarray:
        """Return one column, of all samples."""
        values: np.ndarray = self._file[name][...]
        return values

    def write(self, start: int, values: Mapping[str, np.ndarray]) -> None:
        """Write the numbers of consecutive samples; a kill loses those of the last second."""
        with writing(self.path, ValueError, RuntimeError):
            for name, column in values.items():
                self._file[name][start : start + len(column)] = column
            self._claims.add("done", slice(start, start + len(column)))

    def finish(self, derived: Mapping[str, np.ndarray] | None = None) -> None:
        """Give the file its name, once every sample is there; it stays open to read."""
        if self.is_finished:
            return
        with writing(self.path, ValueError, RuntimeError):
            self._claims.settle()
            for name, values in (derived or {}).items():
                # a killed process may have written them already
                if name in self._file:
                    del self._file[name]
                self._file[name] = values
            hidden = Path(self._file.filename)
            self._file.close()
            put_in_place(hidden, self.path)
            self._file = h5py.File(self.path, "r")


def open_measurements(
    path: Path,
    request: Mapping[str, Any],
    columns: Mapping[str, tuple[int, ...]],
    *,
    overwrite: bool = False,
) -> Measurements:
    """Open the file of this request: finished, begun or new.

    Args:
        request: Metric, network and options, as JSON holds them; has "metric".
        columns: Shape of each column's array, samples first.

    Raises:
        OutputError: The file is of another request, or cannot be written.
    """
    hidden = path.with_name(UNFINISHED.format(path.name))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if overwrite:
            path.unlink(missing_ok=True)
            hidden.unlink(missing_ok=True)
    damage = None
    try:
        if path.exists():
            return Measurements(path, _opened(path, request, columns))
        if hidden.exists():
            return Measurements(path, _opened(hidden, request, columns, "r+"))
    except DataError as error:
        if path.exists():
            raise OutputError(f"{error}; choose another `output` or `overwrite`") from None
        damage = str(error)
        hidden.unlink()
    return Measurements(path, _created(hidden, request, columns), damage=damage)


def is_measurements(path: Path) -> bool:
    """Return whether this is an HDF5 file of measurements."""
    return root_attribute(path, "metric") is not None


def describe_measurements(path: Path) -> dict[str, Any]:
    """Describe a file of measurements and where it comes from, ready for JSON."""
    with open_hdf5(path) as file, damage_in(path):
        return {
            "metric": text_attribute(file, "metric"),
            "request": json.loads(text_attribute(file, "request")),
            "shapes": {
                name: list(item.shape or ())
                for name, item in file.items()
                if isinstance(item, h5py.Dataset)
            },
            "missing": int((~stored_array(file, "done", kinds="b", ranks=[1])[...]).sum()),
            "versions": json.loads(text_attribute(file, "versions")),
            "created_utc": text_attribute(file, "created_utc"),
        }


def _opened(
    path: Path,
    request: Mapping[str, Any],
    columns: Mapping[str, tuple[int, ...]],
    mode: Literal["r", "r+"] = "r",
) -> h5py.File:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_hdf5(path, mode))
        except OutputError as error:
            raise OutputError(f"{error} or choose another `output`") from None
        with damage_in(path):
            there = dict(json.loads(text_attribute(file, "request")))
            done = stored_array(file, "done", kinds="b", ranks=[1])[...]
        if differences := differing(request, there):
            raise OutputError(
                f"{path.parent}: holds another measurement ({'; '.join(differences)}); "
                "choose another `output` or `overwrite`"
            )
        for name, shape in columns.items():
            with damage_in(path):
                found = stored_array(file, name, kinds="f", ranks=[len(shape)]).shape
            if found != shape or len(done) != shape[0]:
                raise DataError(f"{path}: {name} is {list(found)}, not {list(shape)}")
        stack.pop_all()
    return file


def _created(
    path: Path, request: Mapping[str, Any], columns: Mapping[str, tuple[int, ...]]
) -> h5py.File:
    with written_hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["metric"] = request["metric"]
        file.attrs["request"] = json.dumps(request)
        note_origin(file)
        for name, shape in columns.items():
            file.create_dataset(name, shape, np.float32, dcpl=reserved())
        file["done"] = np.zeros(next(iter(columns.values()))[0], bool)
    return open_hdf5(path, "r+")
