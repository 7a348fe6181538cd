"""The number of threads of a run on a CPU: asked for, kept, or found by a short trial."""

import os
import time
from dataclasses import dataclass, field
from statistics import median

import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import pick_dtype
from stylegan_cli.training.memory import is_out_of_memory
from stylegan_cli.training.schedule import Stage, stages
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import MOST_THREADS
from stylegan_cli.training.trial import Trial

FEWEST_ITERATIONS = 500
"""Shorter runs end before a trial pays."""
ROUNDS, MOST_SECONDS = 3, 10.0
ALL = torch.get_num_threads()
"""Threads that torch takes by itself: one for each core."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Threads:
    """The number of threads of a run.

    Attributes:
        count: Threads of this session.
        before: Threads of the sessions before; None at the start of a run.
        seconds: Time of a step by number of threads, if there was a trial.
    """

    count: int
    before: int | None = None
    seconds: dict[int, float] = field(default_factory=dict)


def settle_threads(run: Run, before: int | None, *, resumed: bool) -> Threads | None:
    """Decide the number of threads and set it; None where a GPU computes.

    What is asked for counts most, then what the run had before: another number changes the last
    bits. A run that begins takes the fastest of all cores, half of them and one. On a busy machine
    that may be one, as threads wait for each other.

    Args:
        before: Threads of the run so far, if its state tells them.
        resumed: The run was begun before.

    Raises:
        UsageError: More are asked for than a process can start.
    """
    asked = run.acceleration.threads
    if asked is not None and asked > MOST_THREADS:
        raise UsageError(
            f"out of range; the valid range is 1-{MOST_THREADS}", parameter="threads", value=asked
        )
    if run.device.type != "cpu":
        return None
    found = Threads(count=torch.get_num_threads(), before=before)
    if asked is not None:
        found = Threads(count=asked, before=before)
    elif not any(name in os.environ for name in VARIABLES) and run.world.size == 1:
        found = Threads(count=before or ALL, before=before) if resumed else _fastest(run)
    torch.set_num_threads(found.count)
    return found


def _fastest(run: Run) -> Threads:
    # growing networks spend most of their time at full size
    stage = stages(run.recipe)[-1]
    if ALL == 1 or run.recipe.train.total_kimg * 1000 < FEWEST_ITERATIONS * stage.batch_size:
        return Threads(count=ALL)
    try:
        seconds = _timed(run, stage)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return Threads(count=ALL)
    return Threads(count=min(seconds, key=lambda count: seconds[count]), seconds=seconds)


def _timed(run: Run, stage: Stage) -> dict[int, float]:
    """Return the median seconds of a step by number of threads, on networks of their own."""
    dtype = pick_dtype(run.recipe.train.precision, run.device)
    trial = Trial(run.recipe, stage, run.device, dtype, run.acceleration)
    step = trial.steps[min(trial.steps, key=len)]
    times: dict[int, list[float]] = {n: [] for n in (ALL, max(ALL // 2, 1), 1)}
    began = time.monotonic()
    step()
    for _ in range(ROUNDS):
        for count, taken in times.items():
            torch.set_num_threads(count)
            start = time.monotonic()
            step()
            taken.append(time.monotonic() - start)
        if time.monotonic() - began > MOST_SECONDS:
            break
    return {count: median(taken) for count, taken in times.items()}
