"""An evaluation: features of every case first, by all processes; then the numbers, by the first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_cli.detectors import FeatureDetector, Purpose, is_standard
from stylegan_cli.errors import MetricError
from stylegan_cli.metrics.cases import Case, Chosen
from stylegan_cli.metrics.features import Extraction
from stylegan_cli.metrics.protocol import PURPOSES, Metric, Protocol, result_name
from stylegan_cli.metrics.registry import Samples, least_images, measure
from stylegan_cli.metrics.statistics import Features
from stylegan_cli.runtime import World


@dataclass(frozen=True, kw_only=True)
class Result:
    """One metric of one case.

    Attributes:
        values: By their full names, means over the repeats.
        sd: Standard deviation over the repeats; empty for one.
        runs: The values of each repeat.
    """

    case: Case
    metric: Metric
    values: Mapping[str, float]
    sd: Mapping[str, float]
    runs: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where an evaluation computes, and keeps its features."""

    device: torch.device
    folder: Path
    world: World
    batch_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics of cases.

    Attributes:
        detectors: One for each purpose that the metrics have.
    """

    metrics: tuple[Metric, ...]
    cases: tuple[Case, ...]
    detectors: Mapping[Purpose, FeatureDetector]
    protocol: Protocol
    workplace: Workplace

    def check(self) -> None:
        """Refuse what cannot be measured before anything long begins.

        Raises:
            MetricError: Too few images.
        """
        for case in self.cases:
            for metric in self.metrics:
                for chosen, what in ((case.fakes[0], "fake"), (case.reals, "real")):
                    _check_count(metric, case, chosen, what)

    @cached_property
    def extractions(self) -> tuple[Extraction, ...]:
        """The features that are needed, each once."""
        wanted = [
            self._extraction(chosen, metric)
            for metric in self.metrics
            for case in self.cases
            for chosen in (*_reals_for(metric, case), *case.fakes)
        ]
        return tuple({extraction.file.path: extraction for extraction in wanted}.values())

    @property
    def missing(self) -> int:
        """Images that detectors have yet to look at; all processes ask together."""
        return sum(len(part) for each in self.extractions for part in each.missing)

    def run(self) -> Iterator[int]:
        """Compute features that are missing; yields how many more images are done.

        Raises:
            SgtoolError: Images cannot be read or drawn, or features not be written.
        """
        for extraction in self.extractions:
            yield from extraction.run()

    def results(self) -> Iterator[Result]:
        """Every metric of every case, for the first process.

        Raises:
            MetricError: Features are not finite.
            UsageError: The detector does not tell what a metric needs.
        """
        for case in self.cases:
            for metric in self.metrics:
                yield self._result(case, metric)

    def warnings(self) -> Iterator[str]:
        """What makes numbers less than they seem."""
        if "fid" not in self.metrics:
            return
        dim = self.detector("fid").feature_dim
        fewest = min(
            len(chosen)
            for case in self.cases
            for chosen in (case.fakes[0], *_reals_for("fid", case))
        )
        if fewest <= dim:
            yield (
                f"{fewest} images for {dim} numbers each: the Fréchet distance comes out too "
                "large; compare it with those of equally many images only"
            )

    def detector(self, metric: Metric) -> FeatureDetector:
        """What looks at the images for a metric."""
        return self.detectors[PURPOSES[metric]]

    def features(self, chosen: Chosen, metric: Metric) -> Features:
        """Features of the images that count, as a metric sees them."""
        features = self._extraction(chosen, metric).features()
        return features if chosen.rows is None else features[chosen.rows]

    def _extraction(self, chosen: Chosen, metric: Metric) -> Extraction:
        place = self.workplace
        return Extraction(
            pictures=chosen.pictures,
            detector=self.detector(metric),
            device=place.device,
            folder=place.folder,
            world=place.world,
            batch_size=place.batch_size,
        )

    def _result(self, case: Case, metric: Metric) -> Result:
        limit = (self.protocol.most_reals or {}).get(metric)
        real = [self.features(reals, metric)[:limit] for reals in _reals_for(metric, case)]
        runs = [
            self._named(metric, fakes, self._samples(metric, fakes, real)) for fakes in case.fakes
        ]
        table = {name: [run[name] for run in runs] for name in runs[0]}
        return Result(
            case=case,
            metric=metric,
            values={name: float(np.mean(values)) for name, values in table.items()},
            sd={name: float(np.std(v, ddof=1)) for name, v in table.items() if len(v) > 1},
            runs=tuple(runs),
        )

    def _samples(self, metric: Metric, fakes: Chosen, real: list[Features]) -> Samples:
        return Samples(
            detector=self.detector(metric),
            device=self.workplace.device,
            real=real[0] if real else None,
            fake=self.features(fakes, metric),
            ddof=self.protocol.ddof,
        )

    def _named(self, metric: Metric, fakes: Chosen, samples: Samples) -> Mapping[str, float]:
        detector = self.detector(metric).name
        return {
            result_name(value, metric, detector, len(fakes), self.protocol): number
            for value, number in measure(metric, samples).items()
        }


def record_of(evaluation: Evaluation, result: Result, *, seconds: float) -> dict[str, Any]:
    """A line of `metrics.jsonl`: the numbers and everything they depend on.

    Args:
        seconds: That it took, features included.
    """
    case, detector = result.case, evaluation.detector(result.metric)
    place = evaluation.workplace
    reals = _reals_for(result.metric, case)
    return {
        "metric": result.metric,
        "case": case.name,
        "results": dict(result.values),
        "sd": dict(result.sd),
        "runs": [dict(run) for run in result.runs],
        **case.facts,
        "snapshot_pkl": Path(case.facts["network"]).name if "network" in case.facts else None,
        "num_fake": len(case.fakes[0]),
        "num_real": len(reals[0]) if reals else None,
        "protocol": evaluation.protocol.name,
        "ddof": evaluation.protocol.ddof,
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "resize": detector.resize,
        "standard_detector": is_standard(detector.name, PURPOSES[result.metric]),
        "device": str(place.device),
        "num_gpus": place.world.size if place.device.type == "cuda" else 0,
        "total_time": seconds,
        "total_time_str": str(timedelta(seconds=round(seconds))),
    }


def _reals_for(metric: Metric, case: Case) -> tuple[Chosen, ...]:
    return () if metric == "is" or case.reals is None else (case.reals,)


def _check_count(metric: Metric, case: Case, chosen: Chosen | None, what: str) -> None:
    least = least_images(metric)
    if chosen is None or (metric == "is" and what == "real") or len(chosen) >= least:
        return
    named = f"{case.name}: " if case.name else ""
    raise MetricError(
        f"{named}{len(chosen)} {what} images are too few; {metric} needs {least} at least"
    )
