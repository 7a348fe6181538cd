"""The timed steps: the work of `sgtool train` and `sgtool grid` on a batch."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.networks.build import build_generator
from stylegan_cli.networks.drawing import ready_to_draw
from stylegan_cli.networks.execution import Execution as Drawing
from stylegan_cli.networks.snapshot import Precision
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import LossSection, Settled
from stylegan_cli.rendering.render import to_pixels
from stylegan_cli.runtime import World, pick_dtype, repeatable
from stylegan_cli.training.acceleration import (
    Acceleration,
    EngineName,
    check_acceleration,
    open_engine,
)
from stylegan_cli.training.compiled import Compiled
from stylegan_cli.training.data import Batch
from stylegan_cli.training.engines import Engine, eager
from stylegan_cli.training.inputs import Nets
from stylegan_cli.training.iteration import train_batch
from stylegan_cli.training.schedule import Stage, stages
from stylegan_cli.training.state import TrainingState, initial_state


@dataclass(frozen=True, kw_only=True)
class Case:
    """Networks of a recipe, grown as far as a stage.

    Attributes:
        name: Name of the recipe.
        kimg: Thousands of images at this stage, including fading in.
    """

    name: str
    recipe: Settled
    stage: Stage
    kimg: float


@dataclass(frozen=True)
class Form:
    """The precision, backend and engine that networks compute with.

    Attributes:
        engine: Computes the gradients of training; "compiled" draws with a compiled network,
            too.
    """

    precision: Precision
    backend: BackendName
    engine: EngineName = "eager"

    @property
    def name(self) -> str:
        return (
            f"{self.backend} {self.precision}{'' if self.engine == 'eager' else f' {self.engine}'}"
        )


def cases(name: str, recipe: Settled, *, batch_size: int | None = None) -> list[Case]:
    """Return the recipe at each resolution it grows through.

    Args:
        batch_size: Replaces the recipe's.
    """
    passed = [
        stage if batch_size is None else replace(stage, batch_size=batch_size)
        for stage in stages(recipe)
    ]
    begins = [*(stage.from_kimg for stage in passed), recipe.train.total_kimg]
    return [
        Case(name=name, recipe=recipe, stage=stage, kimg=end - begin)
        for stage, (begin, end) in zip(passed, pairwise(begins), strict=True)
    ]


def forms(
    device: torch.device,
    precisions: Sequence[Precision] = (),
    backends: Sequence[BackendName] = (),
    engines: Sequence[EngineName] = ("eager",),
) -> list[Form]:
    """Return every precision in every backend with every engine.

    Args:
        precisions: If empty, fp32, and bf16 if the device gains from it.
        backends: If empty, the automatic one, and `ref` in the first precision.
    """
    gains = pick_dtype("auto", device) == torch.bfloat16
    chosen: Sequence[Precision] = precisions or (("fp32", "bf16") if gains else ("fp32",))
    plain = [] if backends else [Form(chosen[0], "ref")]
    taken: Sequence[BackendName] = backends or ("auto",)
    combined = product(taken, engines, chosen)
    return [*plain, *(Form(precision, backend, engine) for backend, engine, precision in combined)]


Steps = Mapping[str, Callable[[], object]]
GENERATE = "generate"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Training iterations with the same work.

    Attributes:
        iteration: Number of the first such iteration.
        share: Fraction of all iterations.
    """

    iteration: int
    share: float


def kinds(loss: LossSection) -> dict[str, Kind]:
    """Return the kinds of iterations: `step`, with `+Greg` and `+Dreg` if regularizers are due."""
    g_every = loss.pl_interval if loss.lazy and loss.pl_weight else 0
    d_every = loss.r1_interval if loss.lazy and loss.r1_gamma else 0
    period = math.lcm(g_every or 1, d_every or 1)
    names = [
        "step" + "+Greg" * _is_due(i, g_every) + "+Dreg" * _is_due(i, d_every)
        for i in range(period)
    ]
    counts = Counter(names)
    return {
        name: Kind(iteration=names.index(name), share=counts[name] / period)
        for name in sorted(counts)
    }


def _is_due(iteration: int, every: int) -> bool:
    return every > 0 and iteration % every == 0


def generation(case: Case, form: Form, device: torch.device) -> Callable[[], None]:
    """Return a step that draws a batch of pictures, as `sgtool grid` does."""
    dtype, n = pick_dtype(form.precision, device), case.stage.batch_size
    G = build_generator(case.recipe, c_dim=0, dtype=dtype, backend=form.backend)
    G = G.to(device).eval().requires_grad_(False)
    G.lod = case.stage.lod
    compiled = form.engine == "compiled"
    how = Drawing(backend=form.backend, compile=compiled, batch_size=n)
    drawn = ready_to_draw(G, form.precision, how)
    z, c = torch.randn(n, G.z_dim, device=device), torch.zeros(n, 0, device=device)

    def generate() -> None:
        repeatable(device, dtype)
        with torch.no_grad():
            ws = drawn.mapping(z, c).unsqueeze(1).expand(-1, drawn.num_ws, -1)
            to_pixels(drawn.synthesis(ws, "const"))

    return generate


class Training:
    """Networks in training at the stage of a case, on images of noise."""

    def __init__(self, case: Case, form: Form, device: torch.device) -> None:
        dtype = pick_dtype(form.precision, device)
        self.case, self.device, self.dtype = case, device, dtype
        conduct = Acceleration(engine=form.engine, backend=form.backend)
        check_acceleration(conduct, case.recipe, device, World())
        self.engine = open_engine(form.engine, dtype)
        self.state = initial_state(
            case.recipe, c_dim=0, device=device, dtype=dtype, backend=form.backend
        )
        self.nets = _nets(self.state, case)
        channels = case.recipe.data.channels
        shape = (case.stage.batch_size, *case.stage.size.shape, channels)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.batch = Batch(
            pixels=torch.from_numpy(pixels).to(device),
            labels=torch.zeros(case.stage.batch_size, 0, device=device),
        )

    @property
    def steps(self) -> Steps:
        """Return an iteration of each kind."""
        return self._iterations(self.engine)

    @property
    def plain_steps(self) -> Steps:
        """Return the same iterations, run operation by operation."""
        return self._iterations(eager)

    def notes(self) -> list[str]:
        """Return notes on requests that the engine did not follow."""
        return self.engine.take_news() if isinstance(self.engine, Compiled) else []

    def held_bytes(self) -> int:
        """Return the bytes of weights, averages and moments."""
        state = self.state
        parts = [state.G.state_dict(), state.D.state_dict(), state.G_ema.state_dict()]
        parts += [moments for opt in (state.opt_g, state.opt_d) for moments in opt.state.values()]
        return sum(_bytes(value) for part in parts for value in part.values())

    def _iterations(self, engine: Engine) -> Steps:
        return {
            name: partial(self._train, kind.iteration, engine)
            for name, kind in kinds(self.case.recipe.loss).items()
        }

    def _train(self, iteration: int, engine: Engine) -> None:
        repeatable(self.device, self.dtype)
        self.state.iteration = iteration
        recipe, stage = self.case.recipe, self.case.stage
        train_batch(self.state, self.nets, recipe, stage, self.batch, engine)


def _bytes(value: object) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


def _nets(state: TrainingState, case: Case) -> Nets:
    device = state.pl_mean.device
    return Nets(
        G=state.G,
        D=state.D,
        loss=case.recipe.loss,
        augmentation=state.augmentation,
        r1_gamma=case.recipe.loss.r1_gamma,
        n_images=case.stage.batch_size,
        labels_of=lambda indices: torch.zeros(len(indices), 0, device=device),
        world=World(),
    )
