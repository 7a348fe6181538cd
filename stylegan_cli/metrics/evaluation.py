"""An evaluation by features: all processes compute the features, then come the numbers."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from stylegan_cli.detectors import (
    FeatureDetector,
    Purpose,
    chosen_detector,
    detector_note,
    how_to_get_standard,
    is_standard,
)
from stylegan_cli.errors import MetricError, SgtoolError, UsageError
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
from stylegan_cli.metrics.outputs import by_claims, matter
from stylegan_cli.metrics.protocol import Protocol, check_metrics, protocol_named, result_name
from stylegan_cli.runtime import pick_dtype, repeatable


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics on features of cases.

    Attributes:
        detectors: One for each purpose of the metrics.
    """

    metrics: tuple[Metric, ...]
    cases: tuple[Case, ...]
    detectors: Mapping[Purpose, FeatureDetector]
    protocol: Protocol
    place: Workplace

    def check(self) -> None:
        """Raise before anything long begins if a metric cannot be measured."""
        for metric in self.metrics:
            if problem := self.problem(metric):
                raise problem

    def problem(self, metric: Metric) -> SgtoolError | None:
        """Return why a metric cannot be measured: no classes, or too few images in a case."""
        work, detector = metric.on_features, self.detector(metric)
        if work.needs_classes and not detector.tells_classes:
            return UsageError(
                f"the {work.title} needs classes, and {detector.name} has none; the standard "
                f"detector is {how_to_get_standard(work.purpose)}"
            )
        for case in self.cases:
            for pictures in self._compared(metric, case):
                if pictures.counted < work.least:
                    kind = "real" if pictures is case.reals else "fake"
                    named = f"{case.name}: " if case.name else ""
                    return MetricError(
                        f"{named}{pictures.counted} {kind} images are too few; {metric.name} "
                        f"needs at least {work.least}"
                    )
        return None

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
        """Compute features that are missing, in float32; all processes do this together."""
        repeatable(self.place.device, pick_dtype("fp32", self.place.device))
        missing = sum(len(part) for each in self.extractions for part in each.missing)
        total = sum(len(each.pictures) for each in self.extractions)
        if missing < total:
            yield Remark(text=f"features of {total - missing} of {total} images exist already")
        counts = (count for each in self.extractions for count in each.run())
        yield from stretch("images", missing, counts)

    def recorded(self, records: Sequence[Mapping[str, Any]]) -> list[Found]:
        """Return the results that an earlier evaluation recorded; none unless all are there."""
        known, pairs = by_claims(records), product(self.cases, self.metrics)
        found = [(case, known.get(matter(self._claims(case, metric)))) for case, metric in pairs]
        there = [_found(case, record) for case, record in found if record is not None]
        return there if len(there) == len(found) else []

    def results(self) -> Iterator[Found]:
        """Compute every metric of every case, for the first process."""
        yield from (self._result(*pair) for pair in product(self.cases, self.metrics))

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

    def detector(self, metric: Metric) -> FeatureDetector:
        return self.detectors[metric.on_features.purpose]

    def features(self, pictures: Pictures, metric: Metric) -> Features:
        """Return features of the images that count, as a metric sees them."""
        return self._extraction(pictures, metric).features()

    def _extraction(self, pictures: Pictures, metric: Metric) -> Extraction:
        return Extraction(pictures=pictures, detector=self.detector(metric), place=self.place)

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
        device, size = self.place.device, self.place.world.size
        record = {
            "metric": metric.name,
            "case": case.name,
            "results": {name: float(np.mean(column)) for name, column in table.items()},
            "sd": {name: float(np.std(v, ddof=1)) for name, v in table.items() if len(v) > 1},
            "runs": runs,
            **self._claims(case, metric),
            "device": str(device),
            "num_gpus": size if device.type == "cuda" else 0,
        }
        return _found(case, record)

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

    def _claims(self, case: Case, metric: Metric) -> dict[str, Any]:
        """Return everything in a record that decides its numbers."""
        detector, reals = self.detector(metric), self._compared(metric, case)[1:]
        return {
            "metric": metric.name,
            "case": case.name,
            **case.facts,
            "snapshot_pkl": case.network and case.network.name,
            "num_fake": case.fakes[0].counted,
            "num_real": reals[0].counted if reals else None,
            "protocol": self.protocol.name,
            "ddof": self.protocol.ddof,
            **detector.facts,
            "standard_detector": is_standard(detector.name, metric.on_features.purpose),
        }


def _found(case: Case, record: Mapping[str, Any]) -> Found:
    return Found(
        metric=record["metric"],
        case=case.name,
        values=record["results"],
        spread=record["sd"],
        records=(record,),
        network=case.network,
    )


def open_evaluation(
    metrics: Sequence[Metric], request: Request, place: Workplace
) -> Generator[Event, None, Evaluation]:
    """Yield remarks on the evaluation, check it and return it; torch is not needed for that."""
    protocol = protocol_named(request.protocol)
    check_metrics([metric.name for metric in metrics], protocol)
    purposes = dict.fromkeys(metric.on_features.purpose for metric in metrics)
    detectors: dict[Purpose, FeatureDetector] = {
        purpose: FeatureDetector(
            chosen=chosen_detector(request.detector, purpose), device=lambda: place.device
        )
        for purpose in purposes
    }
    cases = yield from cases_of(request, protocol, place)
    for purpose, detector in detectors.items():
        if note := detector_note(detector.name, purpose):
            yield Remark(text=note)
    evaluation = Evaluation(
        metrics=tuple(metrics), cases=cases, detectors=detectors, protocol=protocol, place=place
    )
    problems = {metric.name: evaluation.problem(metric) for metric in metrics}
    if all(problems.values()):
        evaluation.check()
    for name, problem in problems.items():
        if problem:
            yield Remark(text=f"{name} left out: {problem}")
    return replace(evaluation, metrics=tuple(each for each in metrics if not problems[each.name]))
