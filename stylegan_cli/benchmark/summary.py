"""What follows from the times of a case: rates, and shares of what the machine does at most."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from stylegan_cli.benchmark.cases import Case
from stylegan_cli.benchmark.machine import MACHINE, machine_rates
from stylegan_cli.benchmark.measuring import Result
from stylegan_cli.benchmark.steps import GENERATE, kinds
from stylegan_cli.benchmark.work import Rates, Work
from stylegan_cli.training.growing import stages

ITERATION = "iteration"
"""The mean iteration of training, of all kinds as often as each occurs."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A step beside the machine's limits, as shares of its time.

    Attributes:
        flops: The time that its FLOPs take at the machine's highest rate: share of peak FLOP/s.
        bytes: The time that its memory traffic takes: share of peak bytes/s.
        roofline: The time in which the machine would do all operations one by one, each bound by
            its FLOPs or its traffic. Above 1 where caches save traffic.
    """

    seconds: float
    flops: float
    bytes: float
    roofline: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Medians of one contender.

    Attributes:
        seconds: Of every step, and of the mean iteration.
        memory_bytes: Most that tensors take while training.
        hours: That the recipe takes at this resolution.
    """

    seconds: Mapping[str, float]
    images_per_second: float
    seconds_per_kimg: float
    generation: Speed
    training: Speed
    memory_bytes: int
    hours: float


def rates(result: Result) -> Rates | None:
    """What the machine did at most beside a case; None where that was not timed."""
    seconds = _medians(result, MACHINE)
    return machine_rates(result.work[MACHINE], seconds) if seconds else None


def seconds_of(result: Result, name: str) -> dict[str, float]:
    """Medians of a contender's steps and of the mean iteration; empty until all were timed."""
    seconds = _medians(result, name)
    if not seconds:
        return {}
    shares = _shares(result.case)
    return {**seconds, ITERATION: sum(seconds[step] * share for step, share in shares.items())}


def summaries(result: Result) -> dict[str, Summary]:
    """Of every contender but the machine, as far as all of its steps were timed."""
    limits = rates(result)
    found = {name: seconds_of(result, name) for name in result.work if name != MACHINE}
    return {
        name: _summary(result, name, seconds, limits)
        for name, seconds in found.items()
        if seconds and limits
    }


def run_hours(results: Sequence[Result]) -> Iterator[tuple[Case, dict[str, float]]]:
    """The last case of every run that was timed to its end, and hours of the run by contender.

    Args:
        results: Of the cases of each recipe one after the other.
    """
    hours: dict[str, float] = {}
    for result in results:
        found = {name: summary.hours for name, summary in summaries(result).items()}
        if result.case.stage.from_kimg:
            found = {name: hours[name] + took for name, took in found.items() if name in hours}
        hours = found
        if result.case.stage.lod == stages(result.case.recipe)[-1].lod:
            yield result.case, hours


def _medians(result: Result, name: str) -> dict[str, float]:
    times = result.seconds.get(name, {})
    if times.keys() != result.work.get(name, {}).keys():
        return {}
    return {step: median(samples) for step, samples in times.items()}


def _shares(case: Case) -> dict[str, float]:
    return {step: kind.share for step, kind in kinds(case.recipe.loss).items()}


def _summary(result: Result, name: str, seconds: Mapping[str, float], limits: Rates) -> Summary:
    case, work, shares = result.case, result.work[name], _shares(result.case)
    per_kimg = seconds[ITERATION] / case.stage.batch_size * 1000
    return Summary(
        seconds=seconds,
        images_per_second=case.stage.batch_size / seconds[GENERATE],
        seconds_per_kimg=per_kimg,
        generation=_speed(work, seconds[GENERATE], {GENERATE: 1.0}, limits),
        training=_speed(work, seconds[ITERATION], shares, limits),
        memory_bytes=result.held_bytes[name] + max(work[step].new_bytes for step in shares),
        hours=per_kimg * case.kimg / 3600,
    )


def _speed(
    work: Mapping[str, Work], seconds: float, shares: Mapping[str, float], limits: Rates
) -> Speed:
    """Of several steps together, each as often as its share says."""

    def part(of: Callable[[Work], float]) -> float:
        return sum(share * of(work[step]) for step, share in shares.items()) / seconds

    return Speed(
        seconds=seconds,
        flops=part(lambda each: each.arithmetic_seconds(limits)),
        bytes=part(lambda each: each.traffic_seconds(limits)),
        roofline=part(lambda each: each.floor_seconds(limits)),
    )
