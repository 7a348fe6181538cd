"""Interleaved timing, and what follows from the times."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.contender import ITERATION, STEPS, Contender

Times = Mapping[str, list[float]]
"""Seconds of each round, by step."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Medians of one contender.

    Attributes:
        seconds: Of each step, and of the amortised "iteration".
    """

    seconds: Mapping[str, float]
    images_per_second: float
    seconds_per_kimg: float


def interleaved(
    contenders: Sequence[Contender],
    rounds: int,
    warmup: Sequence[str],
    progress: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Times of all steps by contender; they take turns at every step: A B C, A B C, …"""
    times: dict[str, Times] = {c.name: {step: [] for step in STEPS} for c in contenders}
    progress("warm-up")
    for contender, step in _turns(contenders, warmup):
        contender.steps[step]()
    for k in range(rounds):
        progress(f"round {k + 1} of {rounds}")
        for contender, step in _turns(contenders, STEPS):
            start = clock()
            contender.steps[step]()
            times[contender.name][step].append(clock() - start)
    return times


def summary(times: Times, batch_size: int) -> Summary:
    """Medians, and the rates that follow."""
    seconds = {step: median(samples) for step, samples in times.items()}
    seconds["iteration"] = sum(seconds[step] * share for step, share in ITERATION.items())
    return Summary(
        seconds=seconds,
        images_per_second=batch_size / seconds["generate"],
        seconds_per_kimg=seconds["iteration"] / batch_size * 1000,
    )


def _turns(
    contenders: Sequence[Contender], steps: Sequence[str]
) -> Iterator[tuple[Contender, str]]:
    return ((contender, step) for step in steps for contender in contenders)
