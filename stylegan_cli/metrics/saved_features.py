"""The features of an evaluation in an HDF5 file, for metrics of your own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from stylegan_cli.files import writing, written_whole
from stylegan_cli.metrics.evaluation import Evaluation

SCHEMA = 1
ROWS_A_CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of features, and facts about its images."""

    features: Float[np.ndarray, "n dim"]
    facts: Mapping[str, Any]


def write_features(path: Path, tables: Mapping[str, Table], facts: Mapping[str, Any]) -> None:
    """Write every table under its name, whole or not at all.

    Raises:
        OutputError: The place cannot be written.
    """
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


def save_features(evaluation: Evaluation, path: Path) -> None:
    """Write the features of all images that were measured to an HDF5 file.

    Raises:
        OutputError: The place cannot be written.
    """
    facts = {"metrics": [metric.name for metric in evaluation.metrics]}
    write_features(path, dict(_tables(evaluation)), facts)


def _tables(evaluation: Evaluation) -> Iterator[tuple[str, Table]]:
    """Yield `DETECTOR/fake` and `DETECTOR/real`, after case and repeat if there are several."""
    for metric in evaluation.metrics:
        detector = evaluation.detector(metric)
        seen = {
            "detector": detector.name,
            "detector_sha256": detector.sha256,
            "resize": detector.resize,
        }
        for case in evaluation.cases:
            place = f"{case.name}/{detector.name}" if case.name else detector.name
            fake = "fake-{}" if len(case.fakes) > 1 else "fake"
            named = [(fake.format(i), pictures) for i, pictures in enumerate(case.fakes)]
            if case.reals is not None and evaluation.compares(metric):
                named.append(("real", case.reals))
            for name, pictures in named:
                facts: dict[str, Any] = {**seen, "images": dict(pictures.identity)}
                features = evaluation.features(pictures, metric)
                yield f"{place}/{name}", Table(features=features, facts=facts)
