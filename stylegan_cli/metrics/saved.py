"""The features behind numbers, for whoever wants to compute others."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stylegan_cli.metrics.curves import file_stem
from stylegan_cli.metrics.evaluation import Evaluation, Result
from stylegan_cli.results.feature_arrays import Table, write_features


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
