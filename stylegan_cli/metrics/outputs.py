"""Files of an evaluation: `metrics.jsonl`, curves, features, the link to the best network.

`metrics.jsonl` has one JSON object a line for every evaluation, appended and never rewritten.
"""

import json
import os
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stylegan_cli.figures.charts import Curve, Panel, line_chart
from stylegan_cli.figures.png import write_png
from stylegan_cli.files import append_line, writing
from stylegan_cli.hdf5 import written_hdf5
from stylegan_cli.metrics.features import key_of
from stylegan_cli.metrics.metric import Best, Features, Found, Metric
from stylegan_cli.runtime import versions_of
from stylegan_cli.texts import read_lines

if TYPE_CHECKING:
    from stylegan_cli.metrics.evaluation import Evaluation

NAME = "metrics.jsonl"
_CIRCUMSTANCES = frozenset(
    {
        *("timestamp", "created_utc", "versions", "total_time", "total_time_str"),
        *("device", "num_gpus", "num_processes"),
    }
)
"""Entries about the computation rather than the number."""


def append_found(found: Found, folder: Path, seconds: float) -> tuple[Found, bool]:
    """Add records to the folder's file; returns them as stored, and whether any is new."""
    took = {"total_time": seconds, "total_time_str": str(timedelta(seconds=round(seconds)))}
    records = tuple({**record, **took} for record in found.records)
    new = [append_record(folder / NAME, record) for record in records]
    files = (folder / NAME, *found.files)
    return replace(found, records=records, files=files), any(new)


def append_record(path: Path, record: Mapping[str, Any]) -> bool:
    """Add the record, with date and versions, unless an equal one is there; return if it was."""
    if any(matter(record) == matter(there) for there in read_records(path)):
        return False
    now = time.time()
    whole = {
        **record,
        "timestamp": now,
        "created_utc": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
    }
    append_line(path, json.dumps(whole, ensure_ascii=False))
    return True


def _versions() -> dict[str, str]:
    packages = versions_of("stylegan_cli", "torch", "numpy")
    return {**packages, "python": platform.python_version()}


def by_claims(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return records that these versions made, without date and versions, by their claims."""
    versions, left_out = _versions(), ("timestamp", "created_utc", "versions")
    return {
        matter(_measured(record)): {k: v for k, v in record.items() if k not in left_out}
        for record in records
        if record.get("versions") == versions and has_numbers(record)
    }


def has_numbers(record: Mapping[str, Any]) -> bool:
    """Return whether a record has results and deviations; anybody may write into the file."""
    tables = (record.get("results"), record.get("sd"))
    if not (tables[0] and all(isinstance(table, dict) for table in tables)):
        return False
    numbers = [item for table in tables for item in dict(table or {}).items()]
    return all(re.fullmatch(r"\w{1,64}", k) and type(v) in (int, float) for k, v in numbers)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return every whole record of the file, the oldest first; none where there is no file."""
    return read_lines(path)[0]


def matter(record: Mapping[str, Any]) -> str:
    """Return a record, or its claims, without its circumstances, as JSON holds it."""
    kept = {key: value for key, value in record.items() if key not in _CIRCUMSTANCES}
    return json.dumps(kept, sort_keys=True)


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
    measured = [_measured(record) for each in found for record in each.records]
    return json.dumps(measured, sort_keys=True)


def _measured(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _RESULTS}


def write_features(
    path: Path, tables: Iterator[tuple[str, Features, Mapping[str, Any]]], facts: Mapping[str, Any]
) -> None:
    """Write tables of features under their names, with facts about each, whole or not at all."""
    with written_hdf5(path) as file:
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


def tables_of(evaluation: "Evaluation") -> Iterator[tuple[str, Features, Mapping[str, Any]]]:
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
