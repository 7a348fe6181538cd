"""An evaluation by features: all processes compute the features, then come the numbers."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegan_cli.detectors import (
    Purpose,
    chosen_detector,
    detector_note,
    how_to_get_standard,
    is_standard,
)
from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.metrics.cases import Case, cases_of
from stylegan_cli.metrics.fakes import Pictures
from stylegan_cli.metrics.features import Extraction, Workplace, check_features
from stylegan_cli.metrics.metric import (
    Event,
    Features,
    Found,
    Metric,
    Remark,
    Request,
    Samples,
    stretch,
)
from stylegan_cli.metrics.protocol import Protocol, check_metrics, protocol_named, result_name
from stylegan_cli.runtime import pick_dtype, repeatable

if TYPE_CHECKING:
    from stylegan_cli.detectors.registry import FeatureDetector


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics on features of cases.

    Attributes:
        detectors: One for each purpose of the metrics.
    """

    metrics: tuple[Metric, ...]
    cases: tuple[Case, ...]
    detectors: Mapping[Purpose, "FeatureDetector"]
    protocol: Protocol
    place: Workplace

    def check(self) -> None:
        """Raise before anything long begins if there are too few images."""
        for metric in self.metrics:
            for problem in self.problems(metric):
                raise MetricError(problem)

    def problems(self, metric: Metric) -> Iterator[str]:
        """Yield the cases that have too few images for a metric."""
        least = metric.on_features.least
        for case in self.cases:
            for pictures in self._compared(metric, case):
                kind = "real" if pictures is case.reals else "fake"
                if pictures.counted < least:
                    named = f"{case.name}: " if case.name else ""
                    yield (
                        f"{named}{pictures.counted} {kind} images are too few; {metric.name} "
                        f"needs at least {least}"
                    )

    @cached_property
    def extractions(self) -> tuple[Extraction, ...]:
        """Return the required features, each once."""
        wanted = [
            self._extraction(pictures, metric)
            for metric in self.metrics
            for case in self.cases
            for pictures in (*self._compared(metric, case)[1:], *case.fakes)
        ]
        return tuple({extraction.file.path: extraction for extraction in wanted}.values())

    def extract(self) -> Iterator[Event]:
        """Compute features that are missing; all processes do this together."""
        missing = sum(len(part) for each in self.extractions for part in each.missing)
        total = sum(len(each.pictures) for each in self.extractions)
        if missing < total:
            yield Remark(text=f"features of {total - missing} of {total} images exist already")
        counts = (count for each in self.extractions for count in each.run())
        yield from stretch("images", missing, counts)

    def results(self) -> Iterator[Found]:
        """Compute every metric of every case, for the first process."""
        yield from (self._result(case, each) for case in self.cases for each in self.metrics)

    def warnings(self) -> Iterator[Remark]:
        """Yield warnings about the reliability of the numbers."""
        for metric in self.metrics:
            caution = metric.on_features.caution
            if caution is not None:
                pairs = [self._compared(metric, case) for case in self.cases]
                fewest = min(pictures.counted for pair in pairs for pictures in pair)
                text = caution(fewest, self.detector(metric).feature_dim)
                if text:
                    yield Remark(text=text, is_warning=True)

    def detector(self, metric: Metric) -> "FeatureDetector":
        return self.detectors[metric.on_features.purpose]

    def features(self, pictures: Pictures, metric: Metric) -> Features:
        """Return features of the images that count, as a metric sees them."""
        return self._extraction(pictures, metric).features()

    def _extraction(self, pictures: Pictures, metric: Metric) -> Extraction:
        detector = self.detector(metric)
        return Extraction(pictures=pictures, detector=detector, place=self.place)

    def _compared(self, metric: Metric, case: Case) -> tuple[Pictures, ...]:
        """Return fakes of the first repeat, and the reals if the metric compares with them."""
        reals = case.reals if metric.on_features.compares else None
        return (case.fakes[0],) if reals is None else (case.fakes[0], reals)

    def _result(self, case: Case, metric: Metric) -> Found:
        limit = (self.protocol.most_reals or {}).get(metric.name)
        reals = self._compared(metric, case)[1:]
        real = self.features(reals[0], metric)[:limit] if reals else None
        runs = [self._measured(metric, fakes, real) for fakes in case.fakes]
        table = {name: [run[name] for run in runs] for name in runs[0]}
        values = {name: float(np.mean(column)) for name, column in table.items()}
        sd = {name: float(np.std(v, ddof=1)) for name, v in table.items() if len(v) > 1}
        record = {
            "metric": metric.name,
            "case": case.name,
            "results": values,
            "sd": sd,
            "runs": runs,
            **case.facts,
            **self._facts(case, metric),
            "num_real": reals[0].counted if reals else None,
        }
        network = Path(case.facts["network"]) if "network" in case.facts else None
        return Found(
            metric=metric.name,
            case=case.name,
            values=values,
            spread=sd,
            records=(record,),
            network=network,
        )

    def _measured(self, metric: Metric, fakes: Pictures, real: Features | None) -> dict[str, float]:
        work, detector = metric.on_features, self.detector(metric)
        samples = Samples(
            detector=detector,
            device=self.place.device,
            real=real,
            fake=self.features(fakes, metric),
            ddof=self.protocol.ddof,
        )
        if real is not None:
            check_features(real, at_least=work.least, what="real images")
        check_features(samples.fake, at_least=work.least, what="fake images")
        return {
            result_name(name, metric, detector.name, fakes.counted, self.protocol): value
            for name, value in work.measure(samples).items()
        }

    def _facts(self, case: Case, metric: Metric) -> dict[str, Any]:
        detector, place = self.detector(metric), self.place
        network = case.facts.get("network")
        return {
            "snapshot_pkl": Path(network).name if network else None,
            "num_fake": case.fakes[0].counted,
            "protocol": self.protocol.name,
            "ddof": self.protocol.ddof,
            **detector.facts,
            "standard_detector": is_standard(detector.name, metric.on_features.purpose),
            "device": str(place.device),
            "num_gpus": place.world.size if place.device.type == "cuda" else 0,
        }


def open_evaluation(
    metrics: Sequence[Metric], request: Request, place: Workplace
) -> Generator[Event, None, Evaluation]:
    """Yield remarks on the evaluation, check it and return it."""
    protocol = protocol_named(request.protocol)
    check_metrics([metric.name for metric in metrics], protocol)
    purposes = dict.fromkeys(metric.on_features.purpose for metric in metrics)
    for purpose in purposes:
        chosen_detector(request.detector, purpose)
    cases = yield from cases_of(request, protocol, place)
    # all that can be refused without torch was
    from stylegan_cli.detectors.registry import open_detector

    repeatable(place.device, pick_dtype("fp32", place.device))
    detectors: dict[Purpose, FeatureDetector] = {
        purpose: open_detector(request.detector, purpose=purpose, device=place.device)
        for purpose in purposes
    }
    possible = yield from _possible(metrics, detectors)
    for seen, detector in detectors.items():
        note = detector_note(detector.name, seen)
        if note:
            yield Remark(text=note)
    evaluation = Evaluation(
        metrics=possible, cases=cases, detectors=detectors, protocol=protocol, place=place
    )
    problems = {metric.name: next(evaluation.problems(metric), None) for metric in possible}
    if all(problems.values()):
        evaluation.check()
    for problem in filter(None, problems.values()):
        yield Remark(text=f"{problem}: left out")
    enough = tuple(metric for metric in possible if not problems[metric.name])
    return replace(evaluation, metrics=enough)


def _possible(
    metrics: Sequence[Metric], detectors: Mapping[Purpose, "FeatureDetector"]
) -> Generator[Event, None, tuple[Metric, ...]]:
    """Return the metrics that the detectors support; a single one must be among them."""
    possible = []
    for metric in metrics:
        work = metric.on_features
        detector = detectors[work.purpose]
        if not work.needs_classes or detector.tells_classes:
            possible.append(metric)
            continue
        reason = f"the {work.title} needs classes, and {detector.name} has none"
        if len(metrics) == 1:
            standard = how_to_get_standard(work.purpose)
            raise UsageError(f"{reason}; the standard detector is {standard}")
        yield Remark(text=f"{reason}: left out")
    return tuple(possible)
