"""Trial iterations: networks of a recipe trained on images of noise, apart from any run.

They tell how long a run takes, and with how many threads a CPU is fastest.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.recipe import LossSection, Settled
from stylegan_cli.runtime import World, is_out_of_memory, pick_dtype, repeatable
from stylegan_cli.training.acceleration import USUAL, Acceleration, check_acceleration, open_engine
from stylegan_cli.training.data import Batch
from stylegan_cli.training.engines import Engine
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.schedule import Stage, stages
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import MOST_THREADS, initial_state

MOST_SECONDS = 60.0
"""Time that a trial may take."""
Steps = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, kw_only=True)
class RecurringStep:
    """Training iterations with the same work."""

    iteration: int
    share: float


def kinds(loss: LossSection) -> dict[str, RecurringStep]:
    """Return the kinds of iterations: `step`, with `+Greg` and `+Dreg` if regularizers are due."""
    g_every = loss.pl_interval if loss.lazy and loss.pl_weight else 0
    d_every = loss.r1_interval if loss.lazy and loss.r1_gamma else 0
    period = math.lcm(g_every or 1, d_every or 1)
    names = [
        "step" + "+Greg" * (g_every and not i % g_every) + "+Dreg" * (d_every and not i % d_every)
        for i in range(period)
    ]
    counts = Counter(names)
    return {
        name: RecurringStep(iteration=names.index(name), share=counts[name] / period)
        for name in sorted(counts)
    }


class Trial:
    """Networks in training at a stage of a recipe, on images of noise."""

    def __init__(
        self,
        recipe: Settled,
        stage: Stage,
        device: torch.device,
        dtype: torch.dtype,
        acceleration: Acceleration = USUAL,
    ) -> None:
        self.recipe, self.stage, self.device, self.dtype = recipe, stage, device, dtype
        check_acceleration(acceleration, recipe, device, World())
        self.engine = open_engine(acceleration.engine, dtype)
        self.state = initial_state(
            recipe, c_dim=0, device=device, dtype=dtype, backend=acceleration.backend
        )
        self.nets = nets_of(self.state, recipe)
        shape = (stage.batch_size, *stage.size.shape, recipe.data.channels)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.batch = Batch(
            pixels=torch.from_numpy(pixels).to(device),
            labels=torch.zeros(stage.batch_size, 0, device=device),
        )

    @property
    def steps(self) -> Steps:
        """Return an iteration of each kind."""
        return self.iterations(self.engine)

    def iterations(self, engine: Engine) -> Steps:
        """Return an iteration of each kind by another engine, such as `eager`."""
        return {
            name: partial(self._train, kind.iteration, engine)
            for name, kind in kinds(self.recipe.loss).items()
        }

    def held_bytes(self) -> int:
        """Return the bytes of weights, averages and moments."""
        state = self.state
        parts = [state.G.state_dict(), state.D.state_dict(), state.G_ema.state_dict()]
        parts += [moments for opt in (state.opt_g, state.opt_d) for moments in opt.state.values()]
        tensors = (each for part in parts for each in part.values() if isinstance(each, Tensor))
        return sum(tensor.nbytes for tensor in tensors)

    def _train(self, iteration: int, engine: Engine) -> None:
        repeatable(self.device, self.dtype)
        self.state.iteration = iteration
        train_batch(self.state, self.nets, self.recipe, self.stage, self.batch, engine)


def trial_hours(recipe: Settled, device: torch.device, dtype: torch.dtype) -> float | None:
    """Return the hours a run takes, from an iteration of each kind at each resolution.

    None if these take more than `MOST_SECONDS`, or more memory than there is.
    """
    passed, seconds, began = stages(recipe), 0.0, time.monotonic()
    ends = [*(stage.from_kimg for stage in passed[1:]), recipe.train.total_kimg]
    try:
        for stage, end in zip(passed, ends, strict=True):
            iterations = max(end - stage.from_kimg, 0) * 1000 / stage.batch_size
            if iterations and time.monotonic() - began < MOST_SECONDS:
                seconds += iterations * _seconds(Trial(recipe, stage, device, dtype))
    except (MemoryError, RuntimeError, TrainingError) as error:
        if not isinstance(error, TrainingError) and not is_out_of_memory(error):
            raise
        return None
    return seconds / 3600 if time.monotonic() - began < MOST_SECONDS else None


def _seconds(trial: Trial) -> float:
    """Return the seconds of the mean iteration."""
    found, shares = 0.0, kinds(trial.recipe.loss)
    # the first iteration is slower than the others
    trial.steps[max(shares, key=len)]()
    for name, step in trial.steps.items():
        began = time.perf_counter()
        step()
        if trial.device.type == "cuda":
            torch.cuda.synchronize(trial.device)
        found += shares[name].share * (time.perf_counter() - began)
    return found


FEWEST_ITERATIONS = 500
"""Shorter runs end before a trial of threads pays off."""
ROUNDS, MOST_SECONDS_OF_ROUNDS = 3, 10.0
ALL = torch.get_num_threads()
"""Threads that torch takes by itself: one for each core."""
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Threads:
    """The number of threads of a run.

    Attributes:
        before: Threads of the sessions before; None at the start of a run.
        seconds: Time of a step by number of threads, if there was a trial.
    """

    count: int
    before: int | None = None
    seconds: dict[int, float] = field(default_factory=dict)


def settle_threads(run: Run, before: int | None, *, resumed: bool) -> Threads | None:
    """Decide the number of threads and set it; None where a GPU computes.

    An explicit number comes first, then the one that the run had before, as another one changes
    the last bits. A new run takes the fastest of all cores, half of them and one. On a busy machine
    that may be one, because threads wait for each other.

    Args:
        before: Threads of the run so far, if its state tells them.
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
        if time.monotonic() - began > MOST_SECONDS_OF_ROUNDS:
            break
    return {count: median(taken) for count, taken in times.items()}
