"""Files beside the numbers of an evaluation: curves, features, the link to the best network."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stylegan_cli.figures.charts import Curve, Panel, line_chart
from stylegan_cli.figures.png import write_png
from stylegan_cli.files import writing, written_whole
from stylegan_cli.metrics.evaluation import Evaluation
from stylegan_cli.metrics.features import key_of
from stylegan_cli.metrics.metric import Best, Found, Metric
from stylegan_cli.metrics.statistics import Features

SCHEMA = 1
ROWS_A_CHUNK = 256
X_AXES = {"snapshot": ("kimg", "training, thousands of images"), "psi": ("psi", "psi")}
_RESULTS = ("results", "sd", "runs")


def curves(metrics: Sequence[Metric], found: Sequence[Found], along: str) -> tuple[Panel, ...]:
    """Make a panel for each metric; the deviation of a value over repeats is its band.

    Args:
        along: "snapshot" or "psi".
    """
    fact, x = X_AXES[along]
    panels = []
    for metric in metrics:
        own = [each for each in found if each.metric == metric.name]
        own.sort(key=lambda each: float(each.records[0][fact]))
        # the deviation of subsets does not describe the network
        names = [name for name in own[0].values if "_sd" not in name]
        lines = tuple(
            Curve(
                name=name,
                x=tuple(float(each.records[0][fact]) for each in own),
                y=tuple(each.values[name] for each in own),
                spread=tuple(each.spread.get(name, 0.0) for each in own),
            )
            for name in names
        )
        panels.append(Panel(x=x, y=metric.on_features.title, curves=lines))
    return tuple(panels)


def draw_curves(
    metrics: Sequence[Metric], found: Sequence[Found], along: str, folder: Path
) -> Path:
    """Write the picture, its name a hash of what was measured."""
    path = folder / f"{file_stem(found)}-{along}.png"
    write_png(path, line_chart(curves(metrics, found, along)), origin=origin(found))
    return path


def file_stem(found: Sequence[Found]) -> str:
    """Return a name for files that show these results: metrics and a hash of what was measured."""
    metrics = "-".join(dict.fromkeys(each.metric for each in found))
    return f"{metrics}-{key_of({'origin': origin(found)})[:8]}"


def origin(found: Sequence[Found]) -> str:
    """Return the records without their results, as JSON."""
    measured = [
        {key: value for key, value in record.items() if key not in _RESULTS}
        for each in found
        for record in each.records
    ]
    return json.dumps(measured, sort_keys=True)


def write_features(
    path: Path, tables: Iterator[tuple[str, Features, Mapping[str, Any]]], facts: Mapping[str, Any]
) -> None:
    """Write tables of features under their names, with facts about each, whole or not at all."""
    with (
        written_whole(path) as temporary,
        writing(path, ValueError, RuntimeError),
        h5py.File(temporary, "w") as file,
    ):
        _describe(file, {"schema": SCHEMA, **facts})
        for name, features, own in tables:
            n, dim = features.shape
            chunks = (min(n, ROWS_A_CHUNK), dim)
            stored = file.create_dataset(name, (n, dim), np.float32, chunks=chunks)
            for start in range(0, n, ROWS_A_CHUNK):
                stored[start : start + ROWS_A_CHUNK] = features[start : start + ROWS_A_CHUNK]
            _describe(stored, own)


def _describe(item: h5py.File | h5py.Dataset, facts: Mapping[str, Any]) -> None:
    for key, value in facts.items():
        item.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)


def tables_of(evaluation: Evaluation) -> Iterator[tuple[str, Features, Mapping[str, Any]]]:
    """Yield `DETECTOR/fake` and `DETECTOR/real`, after case and repeat if there are several."""
    seen = set()
    for metric in evaluation.metrics:
        detector = evaluation.detector(metric)
        for case in evaluation.cases:
            place = f"{case.name}/{detector.name}" if case.name else detector.name
            fake = "fake-{}" if len(case.fakes) > 1 else "fake"
            named = [(fake.format(i), pictures) for i, pictures in enumerate(case.fakes)]
            if case.reals is not None and metric.on_features.compares:
                named.append(("real", case.reals))
            for name, pictures in named:
                whole = f"{place}/{name}"
                if whole not in seen:
                    seen.add(whole)
                    facts = {**detector.facts, "images": dict(pictures.identity)}
                    yield whole, evaluation.features(pictures, metric), facts


def best_of(metrics: Sequence[Metric], found: Sequence[Found]) -> Best | None:
    """Return the best network by the first metric that orders networks; None without one."""
    for metric in (each for each in metrics if each.better):
        own = [each for each in found if each.metric == metric.name]
        name = next(iter(own[0].values)) if own else ""
        rivals = [
            Best(network=each.network, name=name, value=each.values[name])
            for each in own
            if each.network and name in each.values
        ]
        if rivals:
            choose = min if metric.better == "smaller" else max
            return choose(rivals, key=lambda best: best.value)
    return None


def link_best(best: Best) -> Best:
    """Make a link beside the network, as `best-fd_alex.safetensors`; it replaces an earlier one."""
    link = best.network.with_name(f"best-{best.name}{best.network.suffix}")
    temporary = link.with_name(f".{link.name}.partial")
    with writing(link):
        with suppress(FileNotFoundError):
            temporary.unlink()
        try:
            temporary.symlink_to(best.network.name)
        except (OSError, NotImplementedError):  # on Windows, links need a privilege
            os.link(best.network, temporary)
        temporary.replace(link)
    return replace(best, link=link)
