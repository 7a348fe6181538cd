"""The record of a projected picture, as it was found or in an HDF5 file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stylegan_cli.rendering.store import open_study
from stylegan_cli.studies.projection.findings import Cells, Measures

AXIS = "picture"
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


def names_in(path: Path) -> tuple[str, ...]:
    """Return the names of the pictures in an HDF5 file; none if it is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        return ()
    with open_study(path) as file:
        return tuple(file.header.axes[AXIS])


def read_records(path: Path) -> Iterator[Record]:
    """Yield the pictures of an HDF5 file; their arrays are read when they are asked for."""
    for i, name in enumerate(names_in(path)):
        yield Record(name=name, cells=StoredCells(path, i))
