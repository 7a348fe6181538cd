"""Features of an evaluation as an HDF5 file that needs nothing of ours."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from stylegan_cli.files import writing, written_whole

SCHEMA = 1
ROWS_A_CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of features, and what it is of."""

    features: Float[np.ndarray, "n dim"]
    facts: Mapping[str, Any]


def write_features(path: Path, tables: Mapping[str, Table], facts: Mapping[str, Any]) -> None:
    """Write every table under its name, whole or not at all.

    Raises:
        OutputError: The place cannot be written.
    """
    with written_whole(path) as temporary, writing(path, ValueError, RuntimeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(temporary, "w") as file:
            file.attrs["schema"] = SCHEMA
            for key, value in _attributes(facts):
                file.attrs[key] = value
            for name, table in tables.items():
                _write(file, name, table)


def _write(file: h5py.File, name: str, table: Table) -> None:
    n, dim = table.features.shape
    chunks = (min(n, ROWS_A_CHUNK), dim)
    stored = file.create_dataset(name, (n, dim), np.float32, chunks=chunks)
    for start in range(0, n, ROWS_A_CHUNK):
        stored[start : start + ROWS_A_CHUNK] = table.features[start : start + ROWS_A_CHUNK]
    for key, value in _attributes(table.facts):
        stored.attrs[key] = value


def _attributes(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        yield key, value if isinstance(value, str | int | float) else json.dumps(value)
