"""The one resumable evaluation of all metrics: resume, measure, conclude, record.

The same request resumes, or returns finished results; it adds lines of `metrics.jsonl` that a
killed process did not write.
"""

import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.figures.png import write_png
from stylegan_cli.metrics import outputs
from stylegan_cli.metrics.cases import networks_of
from stylegan_cli.metrics.evaluation import open_evaluation
from stylegan_cli.metrics.features import Workplace, remove_unused, shared
from stylegan_cli.metrics.metric import (
    Conclusion,
    Event,
    Found,
    Metric,
    OnCodes,
    OnFeatures,
    Remark,
    Request,
    Series,
    counted,
    stretch,
)
from stylegan_cli.metrics.protocol import protocol_named
from stylegan_cli.metrics.registry import metrics
from stylegan_cli.metrics.store import Measurements, open_measurements
from stylegan_cli.networks.execution import USUAL, Execution, open_for_drawing
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import pick_device, pick_dtype, repeatable, world
from stylegan_cli.shipped import shipped_network

if TYPE_CHECKING:
    import torch


@contextmanager
def workplace(device: str = "auto", execution: Execution = USUAL) -> Iterator[Workplace]:
    """Join the processes of `torchrun` and make room in the cache of features."""
    with world(lambda: pick_device(device)) as processes:
        place = Workplace(device_name=device, world=processes, execution=execution)
        if processes.is_first:
            remove_unused(place.folder)
        yield place


def evaluate(metric: Metric, request: Request, place: Workplace) -> Iterator[Event]:
    """Measure and record the results; only the first process yields `Found`.

    Args:
        metric: One of `metrics()`, which holds them by name.
    """
    metric.check_takes(request)
    yield from _network_remark(request)
    if request.options is None and metric.options is not None:
        request = replace(request, options=metric.options())
    yield from _with_best([metric], request, _events(metric, request, place))


def evaluate_all(request: Request, options: Mapping[str, Any], place: Workplace) -> Iterator[Event]:
    """Measure everything that the network, the detectors and the protocol allow.

    Args:
        options: Options of single metrics, by name of the metric.
    """
    request, protocol = replace(request, together=True), protocol_named(request.protocol)
    every = [metric for metric in metrics().values() if metric.in_all]
    defined = [
        metric
        for metric in every
        if isinstance(metric.work, OnFeatures)
        and (protocol.metrics is None or metric.name in protocol.metrics)
    ]
    rest = [metric for metric in every if not isinstance(metric.work, OnFeatures)]

    def events() -> Iterator[Event]:
        yield from _network_remark(request)
        yield from _by_features(defined, request, place)
        for metric in rest:
            usual = metric.options() if metric.options else None
            own = options.get(metric.name, usual)
            try:
                metric.check_takes(request)
                yield from _events(metric, replace(request, options=own), place)
            except (DataError, UsageError) as error:
                if own != usual:
                    raise
                yield Remark(text=f"{metric.name} left out: {error}")

    yield from _with_best(defined, request, events())


def _events(metric: Metric, request: Request, place: Workplace) -> Iterator[Event]:
    if isinstance(metric.work, OnFeatures):
        return _by_features([metric], request, place)
    if isinstance(metric.work, OnCodes):
        return _by_codes(metric, metric.work, request, place)
    return metric.work(request, place)


def _with_best(
    metrics: Sequence[Metric], request: Request, events: Iterator[Event]
) -> Iterator[Event]:
    """Yield the events, then link the best network of a run."""
    found = []
    for event in events:
        yield event
        if isinstance(event, Found):
            found.append(event)
    best = outputs.best_of(metrics, found) if request.along == "snapshot" else None
    if best is not None:
        yield outputs.link_best(best)


def _network_remark(request: Request) -> Iterator[Remark]:
    path = request.network
    if path is not None:
        header = read_header(path)
        place = "in the package" if path == shipped_network(path.stem) else str(path)
        title, size = header.recipe.title, header.recipe.data.size
        yield Remark(text=f"network {place}: {title}, {size}, {header.kimg:g} kimg")


def _by_features(metrics: Sequence[Metric], request: Request, place: Workplace) -> Iterator[Event]:
    began = time.monotonic()
    evaluation = yield from open_evaluation(metrics, request, place)
    results: list[Found] = []
    if place.world.is_first and not request.save_features:
        path = request.folder(evaluation.cases[0].network) / outputs.NAME
        results = evaluation.recorded(outputs.read_records(path))
        if results:
            yield Remark(text=f"{path}: these results exist already")
    if not place.world.gather(bool(results))[0]:
        yield from evaluation.extract()
        total = len(evaluation.cases) * len(evaluation.metrics)
        if place.world.is_first:
            yield from stretch("metrics", total, counted(evaluation.results(), results))
    if not place.world.is_first:
        return
    yield from evaluation.warnings()
    folder, files = request.folder(results[0].network), []
    if request.along in ("snapshot", "psi"):
        files.append(outputs.draw_curves(evaluation.metrics, results, request.along, folder))
    if request.save_features:
        files.append(folder / f"{outputs.file_stem(results)}.h5")
        names = [metric.name for metric in evaluation.metrics]
        outputs.write_features(files[-1], outputs.tables_of(evaluation), {"metrics": names})
    seconds = (time.monotonic() - began) / len(results)
    results = [replace(result, files=tuple(files)) for result in results]
    recorded = [outputs.append_found(result, folder, seconds) for result in results]
    if any(is_new for _, is_new in recorded):
        files = [folder / outputs.NAME, *files]
    for file in files:
        yield Remark(text=f"wrote {file}")
    yield from (found for found, _ in recorded)


def _by_codes(metric: Metric, work: OnCodes, request: Request, place: Workplace) -> Iterator[Event]:
    paths = networks_of(request)
    network = _opened(paths[0], place)
    make = yield from work.prepare(network, request, place)
    for path in paths:
        network = network if path == network.path else _opened(path, place)
        case = path.stem if request.along else ""
        seeds = range(request.seed, request.seed + request.repeat)
        for repeats in zip(*(make(network, seed) for seed in seeds), strict=True):
            runs = []
            for series in repeats:
                runs.append((yield from _measured(series, network, request, place)))
            if place.world.is_first:
                yield _joined(metric, case, network, [run for run in runs if run])


def _opened(path: Path, place: Workplace) -> Network:
    def device() -> "torch.device":
        repeatable(place.device, pick_dtype(network.precision, place.device))
        return place.device

    network = open_for_drawing(path, device, place.execution)
    return network


def _measured(
    series: Series, network: Network, request: Request, place: Workplace
) -> Generator[Event, None, Found | None]:
    """Complete a series; returns its numbers in the first process."""
    began, folder = time.monotonic(), request.folder(network.path)
    key = hashlib.sha256(json.dumps(series.request, sort_keys=True).encode()).hexdigest()
    path = folder / f"{series.name}-{key[:8]}.h5"
    with ExitStack() as stack:
        file = None
        if place.world.is_first:
            num = series.request["num"]
            columns = {name: (num, *shape) for name, shape in series.columns.items()}
            file = stack.enter_context(
                open_measurements(path, series.request, columns, overwrite=request.overwrite)
            )
            yield from _how_far(file, series.label)
        done = place.world.gather(None if file is None else file.done)[0]
        assert done is not None, "the first process keeps the file"
        counts = _steps(series, done, file, place)
        yield from stretch(series.label, int((~done).sum()), counts)
        if file is None:
            return None
        found = yield from _concluded(series, file, network)
    took = time.monotonic() - began
    record = {**found.records[0], "num_processes": place.world.size}
    found, is_new = outputs.append_found(replace(found, records=(record,)), folder, took)
    if is_new:
        yield Remark(text=f"wrote {', '.join(map(str, found.files))}")
    return found


def _how_far(file: Measurements, label: str) -> Iterator[Remark]:
    there = int(file.done.sum())
    if file.damage:
        yield Remark(text=f"{file.damage}; starting over", is_warning=True)
    if file.is_finished:
        yield Remark(text=f"{file.path}: all {label} exist already")
    elif there:
        yield Remark(text=f"{file.path}: resuming, {there} {label} exist")


def _steps(
    series: Series, done: np.ndarray, file: Measurements | None, place: Workplace
) -> Iterator[int]:
    """Measure and keep what is missing; yields how many more samples are done."""
    num, size = len(done), series.batch_size
    parts = [range(start, min(start + size, num)) for start in range(0, num, size)]
    missing = [part for part in parts if not done[part.start : part.stop].all()]
    for part, values in shared(missing, partial(map, series.measure), place.world):
        if file is not None:
            file.write(part.start, values)
        yield len(part)


def _concluded(
    series: Series, file: Measurements, network: Network
) -> Generator[Event, None, Found]:
    """Draw the conclusion and give the file its name."""
    conclusion = None
    for event in series.conclude({name: file.read(name) for name in series.columns}):
        if isinstance(event, Conclusion):
            conclusion = event
        else:
            yield event
    assert conclusion is not None, "a series ends with its conclusion"
    files = [file.path]
    if conclusion.picture is not None:
        files.append(file.path.with_suffix(".png"))
        if not (file.is_finished and files[-1].exists()):
            write_png(files[-1], conclusion.picture(), origin=json.dumps(series.request))
    file.finish(conclusion.arrays)
    record = {
        **series.request,
        "results": dict(conclusion.values),
        **conclusion.facts,
        "network": str(network.path),
        "snapshot_pkl": network.path.name,
        "kimg": network.kimg,
    }
    return Found(
        metric=str(series.request["metric"]),
        case="",
        values=conclusion.values,
        spread=conclusion.spread,
        records=(record,),
        files=tuple(files),
        network=network.path,
    )


def _joined(metric: Metric, case: str, network: Network, runs: Sequence[Found]) -> Found:
    """Join the repeats: means, and deviations where there are several."""
    table = {name: [run.values[name] for run in runs] for name in runs[0].values}
    several = {name: stdev(column) for name, column in table.items() if len(runs) > 1}
    return Found(
        metric=metric.name,
        case=case,
        values={name: mean(column) for name, column in table.items()},
        spread=several or runs[0].spread,
        records=tuple(record for run in runs for record in run.records),
        files=tuple(dict.fromkeys(file for run in runs for file in run.files)),
        network=network.path,
    )
