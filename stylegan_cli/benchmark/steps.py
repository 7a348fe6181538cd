"""The timed steps: the work of `sgtool train` and `sgtool grid` on a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import torch

from stylegan_cli.networks.drawing import ready_to_draw
from stylegan_cli.networks.execution import Execution as Drawing
from stylegan_cli.networks.family import build_generator
from stylegan_cli.networks.snapshot import Precision
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import to_pixels
from stylegan_cli.runtime import pick_dtype, repeatable
from stylegan_cli.training.acceleration import (
    EngineName,
)
from stylegan_cli.training.schedule import Stage, stages


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
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
class BenchmarkForm:
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


def cases(name: str, recipe: Settled, *, batch_size: int | None = None) -> list[BenchmarkCase]:
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
        BenchmarkCase(name=name, recipe=recipe, stage=stage, kimg=end - begin)
        for stage, (begin, end) in zip(passed, pairwise(begins), strict=True)
    ]


def forms(
    device: torch.device,
    precisions: Sequence[Precision] = (),
    backends: Sequence[BackendName] = (),
    engines: Sequence[EngineName] = ("eager",),
) -> list[BenchmarkForm]:
    """Return every precision in every backend with every engine.

    Args:
        precisions: If empty, fp32, and bf16 if the device gains from it.
        backends: If empty, the automatic one, and `ref` in the first precision.
    """
    gains = pick_dtype("auto", device) == torch.bfloat16
    chosen: Sequence[Precision] = precisions or (("fp32", "bf16") if gains else ("fp32",))
    plain = [] if backends else [BenchmarkForm(chosen[0], "ref")]
    taken: Sequence[BackendName] = backends or ("auto",)
    combined = product(taken, engines, chosen)
    return [
        *plain,
        *(BenchmarkForm(precision, backend, engine) for backend, engine, precision in combined),
    ]


GENERATE = "generate"


def generation(
    case: BenchmarkCase, form: BenchmarkForm, device: torch.device
) -> Callable[[], None]:
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
