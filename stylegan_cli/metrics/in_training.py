"""Training that measures its networks with the code of `sgtool eval`, and keeps the best."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.samples import drawn_path
from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing
from stylegan_cli.metrics.cases import network_case
from stylegan_cli.metrics.evaluation import Evaluation
from stylegan_cli.metrics.features import Workplace, remove_unused
from stylegan_cli.metrics.metric import Best, Request, Steps
from stylegan_cli.metrics.outputs import (
    NAME,
    append_found,
    has_numbers,
    link_best,
    read_records,
)
from stylegan_cli.metrics.pictures import stored_data
from stylegan_cli.metrics.protocol import OURS
from stylegan_cli.metrics.registry import metrics
from stylegan_cli.networks.execution import USUAL, precision_of
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import pick_dtype, repeatable
from stylegan_cli.training import loop
from stylegan_cli.training.events import Begun, Event, Measured, Ticked
from stylegan_cli.training.run_folder import kimg_of, snapshots
from stylegan_cli.training.settling import Run


def train(
    run: Run, *, overwrite: bool = False, stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train as `training.loop.train` does, and measure networks as `recipe.metrics` says.

    The same run resumes from its last state, to the same bits. Yields `Begun`, after each iteration
    `Stepped`, and at each tick `Ticked` with the line of `stats.jsonl`.

    Measuring changes no bit of the weights. Its values come as an event of their own, in the first
    process, and go to the run's `metrics.jsonl`. `stop` ends it; the run, when resumed, first
    measures its newest network if that was left out.
    """
    gauge = None
    if run.recipe.metrics.every_ticks:
        place = Workplace(device_name=str(run.device), world=run.world)
        gauge = Gauge(run.recipe, run.dataset, run.folder, place)
    for event in loop.train(run, overwrite=overwrite, stop=stop):
        yield event
        network = gauge.due(event) if gauge else None
        if gauge and network:
            values = gauge.measure(network, stop)
            if values:
                yield Measured(kimg=event.kimg, values=values)


class Gauge:
    """The measurement of a run's networks; all its processes use it alike.

    Args:
        dataset: Images that the run is trained on.
    """

    def __init__(
        self, recipe: Settled, dataset: Dataset, folder: Path, workplace: Workplace
    ) -> None:
        data = recipe.data
        if data.path is None:
            raise UsageError(
                "metrics.every_ticks: compares with data.path, which is not set; set it"
            )
        path = drawn_path(data.path, resolution=data.resolution, channels=data.channels)
        self.recipe, self.folder, self.workplace = recipe, folder, workplace
        self.data = stored_data(path, dataset.whole, fit=data.fit, channels=data.shown)
        self.detector = open_detector(
            recipe.metrics.detector, purpose="features", device=workplace.device
        )

    def due(self, event: Event) -> Path | None:
        """Return the network to measure after an event, as the first process sees it."""
        if not (isinstance(event, Begun) or (isinstance(event, Ticked) and event.is_due)):
            return None
        world = self.workplace.world
        # other processes wait here until the network is written
        return world.gather(self._newest(event) if world.is_first else None)[0]

    def measure(self, network: Path, stop: Callable[[], bool]) -> Mapping[str, float]:
        """Return values by name and record them; none when stopped, or in other processes."""
        place, began = self.workplace, time.monotonic()
        if place.world.is_first:
            remove_unused(place.folder)
        evaluation = self._evaluation(network)
        try:
            # in float32, as in `sgtool eval`, whatever the training precision
            for event in evaluation.extract():
                for _ in event.counts if isinstance(event, Steps) else ():
                    if place.world.any(stop()):
                        return {}
            if not place.world.is_first:
                return {}
            (result,) = evaluation.results()
        finally:
            repeatable(place.device, pick_dtype(self.recipe.train.precision, place.device))
        append_found(result, self.folder, time.monotonic() - began)
        self._keep_best(network)
        return result.values

    def _newest(self, event: Begun | Ticked) -> Path | None:
        networks = networks_until(self.folder, event.kimg)
        known = {record["network_sha256"] for record in self._records()}
        if isinstance(event, Begun) and networks and known and file_sha256(networks[-1]) in known:
            return None
        return networks[-1] if networks else None

    def _evaluation(self, network: Path) -> Evaluation:
        metric, place = metrics()[self.recipe.metrics.metric], self.workplace
        request = Request(network=network, num=self.recipe.metrics.num)
        evaluation = Evaluation(
            metrics=(metric,),
            cases=(network_case(network, self.data, request, OURS, place),),
            detectors={metric.on_features.purpose: self.detector},
            protocol=OURS,
            place=place,
        )
        evaluation.check()
        return evaluation

    def _keep_best(self, newest: Path) -> None:
        """Link the best network, and remove those that the recipe does not keep."""
        measured, keep = list(self._measured()), self.recipe.metrics
        networks = set(snapshots(self.folder))
        there = (found for found in measured if found.network in networks)
        best = min(there, key=lambda found: found.value, default=None)
        if best is not None:
            link_best(best)
        if keep.keep_best or keep.keep_last:
            distances = {found.network.name: found.value for found in measured}
            prune(newest, distances, best=keep.keep_best, last=keep.keep_last)

    def _measured(self) -> Iterator[Best]:
        for record in self._records():
            name, value = next(iter(record["results"].items()))
            yield Best(network=self.folder / Path(record["network"]).name, name=name, value=value)

    def _records(self) -> list[dict[str, Any]]:
        """Return records of equal measurements, whether made here or by `sgtool eval`."""
        conditions = {
            "metric": self.recipe.metrics.metric,
            "num_fake": self.recipe.metrics.num,
            "detector_sha256": self.detector.sha256,
            "data_sha256": self.data.sha256,
            "protocol": None,
            "psi": 1.0,
            "class": None,
            "seed": 0,
            "repeat": 1,
            "precision": precision_of(self.recipe, USUAL),
        }
        records = ({"precision": "fp32", **record} for record in read_records(self.folder / NAME))
        alike = (record for record in records if conditions.items() <= record.items())
        # anybody may write into the file
        return [
            record
            for record in alike
            if has_numbers(record)
            and all(isinstance(record.get(key), str) for key in ("network", "network_sha256"))
        ]


def networks_until(folder: Path, kimg: float) -> list[Path]:
    """Return the networks of a run up to a time, the oldest first."""
    # names contain kimg as integers or with three decimals
    return [path for path in snapshots(folder) if kimg_of(path) <= kimg + 5e-4]


def prune(newest: Path, distances: Mapping[str, float], *, best: int, last: int) -> None:
    """Remove networks before this one that are neither among the best nor among the newest.

    What a `best-*` link names stays too.

    Args:
        distances: Distance by file name; smaller is better.
    """
    networks = networks_until(newest.parent, kimg_of(newest))
    measured = [path for path in networks if path.name in distances]
    measured.sort(key=lambda path: distances[path.name])
    linked = {link.resolve() for link in newest.parent.glob("best-*") if link.is_symlink()}
    for path in networks:
        is_kept = path in (*measured[:best], *networks[-max(last, 1) :])
        if not is_kept and path.resolve() not in linked:
            with writing(path):
                path.unlink()
