"""Interleaved timing: all take turns at every step, so that a slow minute is slow for all."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One timing."""

    contender: str
    step: str
    seconds: float


def interleaved(
    contenders: Mapping[str, Mapping[str, Callable[[], object]]],
    rounds: int,
    *,
    clock: Clock = time.perf_counter,
    repeats: int = 1,
) -> Iterator[Sample]:
    """Times of every step of every contender: A B C, A B C, …, each step in each round once.

    Args:
        repeats: Times are the mean of so many steps in a row, as long as a clock that waits for
            a device should not come between them.
    """
    names = dict.fromkeys(step for steps in contenders.values() for step in steps)
    for _ in range(rounds):
        for step in names:
            for contender, steps in contenders.items():
                if step in steps:
                    start = clock()
                    for _ in range(repeats):
                        steps[step]()
                    took = (clock() - start) / repeats
                    yield Sample(contender=contender, step=step, seconds=took)


def repeats_on(device: torch.device) -> int:
    """Steps in a row whose draws on the CPU a device computes along with."""
    return 8 if device.type == "cuda" else 1


def wall_clock(device: torch.device) -> Clock:
    """Seconds; on a GPU, when all that it was given is done."""
    if device.type != "cuda":
        return time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished
