"""Trial iterations: networks of a recipe trained on images of noise, apart from any run.

They tell how long a run takes, and with how many threads a CPU is fastest.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
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
from stylegan_cli.training.schedule import Stage, share_of, stages
from stylegan_cli.training.settling import Run
from stylegan_cli.training.state import MOST_THREADS, initial_state

MOST_SECONDS = 4.0
"""Time of this thread that a trial may take, whatever the recipe."""
PILOTS = (1, 4)
"""Images of the steps that tell how many images a trial can afford."""
REGULARIZER = 0.75
"""Time of a regularizer, in plain steps."""
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
    return {
        name: RecurringStep(iteration=names.index(name), share=names.count(name) / period)
        for name in sorted(set(names))
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
        self.recipe, self.device, self.dtype = recipe, device, dtype
        check_acceleration(acceleration, recipe, device, World())
        self.engine = open_engine(acceleration.engine, dtype)
        self.state = initial_state(
            recipe, c_dim=0, device=device, dtype=dtype, backend=acceleration.backend
        )
        self.nets = nets_of(self.state, recipe)
        self.enter(stage)

    def enter(self, stage: Stage) -> None:
        """Go on with images of this stage, and as many."""
        shape = (stage.batch_size, *stage.size.shape, self.recipe.data.channels)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.stage = stage
        self.batch = Batch(
            pixels=torch.from_numpy(pixels).to(self.device),
            labels=torch.zeros(stage.batch_size, 0, device=self.device),
        )

    @property
    def steps(self) -> Steps:
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


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Time that a run will take.

    Attributes:
        images: Of a step in the trial, fewer than in the run where it would have taken too long.
    """

    hours: float
    images: int


def forecast(
    recipe: Settled,
    device: torch.device,
    dtype: torch.dtype,
    *,
    clock: Callable[[], float] = time.thread_time,
) -> Forecast | None:
    """Return the time that a run takes, from an iteration of each kind at each resolution.

    None if a step of few images takes longer than the trial may, or more memory than there is.

    Args:
        clock: Seconds spent so far; those waiting for other programs do not count.
    """
    passed, seconds = stages(recipe), 0.0
    ends = [*(stage.from_kimg for stage in passed[1:]), recipe.train.total_kimg]
    try:
        trial = Trial(recipe, passed[0], device, dtype)
        deadline = clock() + MOST_SECONDS
        for i, (stage, end) in enumerate(zip(passed, ends, strict=True)):
            until = clock() + (deadline - clock()) / (len(passed) - i)
            iterations = max(end - stage.from_kimg, 0) * 1000 / stage.batch_size
            seconds += iterations * _seconds(trial, stage, clock, until)
    except (MemoryError, RuntimeError, TrainingError, TimeoutError) as error:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        return None
    return Forecast(hours=seconds / 3600, images=trial.stage.batch_size)


def _seconds(trial: Trial, stage: Stage, clock: Callable[[], float], until: float) -> float:
    """Return the seconds of the mean iteration of a stage, by iterations up to a time."""
    shares = kinds(trial.recipe.loss)
    costs = {name: 1 + REGULARIZER * name.count("reg") for name in shares}
    plain = min(costs, key=len)

    def once() -> tuple[float, float]:
        began = clock()
        return _timed_step(trial, plain), clock() - began

    for count in PILOTS:
        few = _with_images(trial.recipe, stage, count)
        trial.enter(few)
        with _given_up(clock, until):
            seconds, step = once()
        if until - clock() < 2 * max(PILOTS) * step:
            break
    if until - clock() > 2 * step:
        # the first iteration is slower than the others
        seconds, step = once()
    work = max(step * sum(costs.values()), 1e-9)
    affordable = int(few.batch_size * (until - clock()) / work)
    found = {name: cost * seconds for name, cost in costs.items()}
    if affordable >= few.batch_size:
        trial.enter(_with_images(trial.recipe, stage, affordable))
        # the rarest first, as the first is slower than the others
        found = {name: _timed_step(trial, name) for name in sorted(shares, key=len, reverse=True)}
    images = trial.stage.batch_size
    # a step takes time for its images, and for the optimizers
    more, most = images - few.batch_size, found[plain] / images
    an_image = min(max(found[plain] - seconds, 0) / more, most) if more else most
    factor = 1 + an_image * (stage.batch_size - images) / found[plain]
    return factor * sum(shares[name].share * taken for name, taken in found.items())


def _with_images(recipe: Settled, stage: Stage, most: int) -> Stage:
    """Return the stage with as many images as possible, up to a number."""
    for count in range(min(most, stage.batch_size), 1, -1):
        fewer = replace(stage, batch_size=count)
        with suppress(UsageError):  # the groups of minibatch standard deviation do not divide it
            share_of(recipe, fewer, World())
            return fewer
    return replace(stage, batch_size=1)


@contextmanager
def _given_up(clock: Callable[[], float], until: float) -> Iterator[None]:
    """Raise TimeoutError in the middle of an iteration, forwards or backwards, at this time."""

    def checked(tensor: Tensor) -> Tensor:
        if clock() > until:
            raise TimeoutError
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(checked, checked):
        yield


def _timed_step(trial: Trial, name: str) -> float:
    began = time.perf_counter()
    trial.steps[name]()
    if trial.device.type == "cuda":
        torch.cuda.synchronize(trial.device)
    return time.perf_counter() - began


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
    step = min(trial.steps, key=len)
    times: dict[int, list[float]] = {n: [] for n in (ALL, max(ALL // 2, 1), 1)}
    began = time.monotonic()
    trial.steps[step]()
    for _ in range(ROUNDS):
        for count, taken in times.items():
            torch.set_num_threads(count)
            taken.append(_timed_step(trial, step))
        if time.monotonic() - began > MOST_SECONDS_OF_ROUNDS:
            break
    return {count: median(taken) for count, taken in times.items()}
