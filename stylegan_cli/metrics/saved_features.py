"""The features behind numbers, for whoever wants to compute others."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from stylegan_cli.files import writing, written_whole
from stylegan_cli.metrics.curves import file_stem
from stylegan_cli.metrics.evaluation import Evaluation, Result

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
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with (
        written_whole(path) as temporary,
        writing(path, ValueError, RuntimeError),
        h5py.File(temporary, "w") as file,
    ):
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


def save_features(evaluation: Evaluation, results: Sequence[Result], folder: Path) -> Path:
    """Write the features of all images that were measured; returns the HDF5 file.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / f"{file_stem(results)}.h5"
    tables = dict(_tables(evaluation))
    write_features(path, tables, {"metrics": list(evaluation.metrics)})
    return path


def _tables(evaluation: Evaluation) -> Iterator[tuple[str, Table]]:
    """`DETECTOR/fake`, `DETECTOR/real`, with the case and the repeat before where there are any."""
    for metric in evaluation.metrics:
        detector = evaluation.detector(metric)
        seen: dict[str, Any] = {
            "detector": detector.name,
            "detector_sha256": detector.sha256,
            "resize": detector.resize,
        }
        for case in evaluation.cases:
            place = f"{case.name}/{detector.name}" if case.name else detector.name
            several = len(case.fakes) > 1
            for i, chosen in enumerate(case.fakes):
                facts = {**seen, "images": dict(chosen.pictures.identity)}
                name = f"{place}/fake-{i}" if several else f"{place}/fake"
                yield name, Table(features=evaluation.features(chosen, metric), facts=facts)
            if case.reals is not None and metric != "is":
                facts = {**seen, "images": dict(case.reals.pictures.identity)}
                features = evaluation.features(case.reals, metric)
                yield f"{place}/real", Table(features=features, facts=facts)
