"""The record of a projected picture, in the results of a batch or in the HDF5 file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from stylegan_cli.files import written_whole
from stylegan_cli.rendering.store import open_study
from stylegan_cli.studies.projection.findings import Cells, Measures

CHECKS = "checks"
"""Group of the HDF5 file with measures of the network's own images."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A projected picture."""

    name: str
    cells: Cells

    @property
    def key(self) -> str:
        return bytes(self.cells["/"]["key"]).decode()

    @property
    def ws(self) -> Float32[np.ndarray, "num_ws w_dim"]:
        """Return the code that was found."""
        return self.cells["/"]["ws"]

    @property
    def offsets(self) -> Float32[np.ndarray, " style_channels"] | None:
        """Return what is added to the styles of the code, if they were searched."""
        return self.cells["/"].get("style_offsets")

    @property
    def noise(self) -> tuple[np.ndarray, ...]:
        """Return the maps that were found with the code, if any."""
        cells = self.cells["/"]
        return tuple(cells[name] for name in sorted(cells) if name.startswith("noise/"))

    @property
    def measures(self) -> Measures:
        """Return the distances of the projection, and how far out its code lies."""
        return {name: float(value) for name, value in self.cells["measures"].items()}


class StoredCells(Mapping[str, Mapping[str, np.ndarray]]):
    """The arrays of a picture in an HDF5 file, those of a table read when it is asked for."""

    def __init__(self, path: Path, index: int) -> None:
        self._path, self._index = path, index

    def __getitem__(self, table: str) -> Mapping[str, np.ndarray]:
        if table not in self._tables:
            raise KeyError(table)
        with open_study(self._path) as file:
            names = file.names(table)
            return {name: file.array(table, name, (self._index,)) for name in names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @cached_property
    def _tables(self) -> tuple[str, ...]:
        with open_study(self._path) as file:
            return tuple(each for each in (*file.tables, *file.measurements) if each != CHECKS)


def write_records(path: Path, records: Sequence[Record], failed: Sequence[str]) -> None:
    """Write the results of a batch, whole or not at all.

    Args:
        failed: Names of the pictures of which nothing was found.

    Raises:
        OutputError: It cannot be written.
    """
    from safetensors.numpy import save

    arrays = {
        f"{number}|{table}|{name}": np.array(_as_bytes(value), order="C")
        for number, record in enumerate(records)
        for table, cells in record.cells.items()
        for name, value in cells.items()
    }
    described = {
        "names": json.dumps([record.name for record in records]),
        "failed": json.dumps(list(failed)),
    }
    with written_whole(path) as temporary:
        temporary.write_bytes(save(arrays, described))


class Names(NamedTuple):
    """Names of the pictures of a batch: those found, and those of which nothing was found."""

    found: tuple[str, ...]
    failed: tuple[str, ...]


def names_in(path: Path) -> Names:
    """Read the names of the pictures in results that `write_records` wrote."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        described = file.metadata()
    return Names(*(tuple(json.loads(described[each])) for each in ("names", "failed")))


def read_records(path: Path) -> Iterator[Record]:
    """Yield results that `write_records` wrote, a picture at a time."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = sorted(file.keys())
        for number, name in enumerate(names_in(path).found):
            cells: dict[str, dict[str, np.ndarray]] = {}
            for full in (each for each in names if each.startswith(f"{number}|")):
                _, table, column = full.split("|")
                values = _from_bytes(column, file.get_tensor(full))
                cells.setdefault(table, {})[column] = values
            yield Record(name=name, cells=cells)


def _as_bytes(value: np.ndarray) -> np.ndarray:
    value = np.asarray(value)
    return np.frombuffer(value.tobytes(), np.uint8) if value.dtype.kind == "S" else value


def _from_bytes(name: str, array: np.ndarray) -> np.ndarray:
    return np.asarray(np.bytes_(array.tobytes())) if name == "key" else array
