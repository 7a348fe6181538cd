"""What is timed: networks of a recipe at a resolution, and the forms in which they compute."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import torch

from stylegan_cli.checkpoint import Precision
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import pick_dtype
from stylegan_cli.training.conduct import EngineName
from stylegan_cli.training.growing import Stage, stages


@dataclass(frozen=True, kw_only=True)
class Case:
    """Networks of a recipe, grown as far as a stage.

    Attributes:
        name: Of the recipe.
        kimg: How long the recipe trains at this stage, fading in included.
    """

    name: str
    recipe: Recipe
    stage: Stage
    kimg: float


@dataclass(frozen=True)
class Form:
    """How networks compute.

    Attributes:
        engine: How phases of training become gradients; "compiled" draws with a compiled network,
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


def cases(name: str, recipe: Recipe, *, batch_size: int | None = None) -> list[Case]:
    """The recipe at each resolution it comes to.

    Args:
        batch_size: Instead of the recipe's.
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
    """Every precision in every backend by every engine.

    Args:
        precisions: fp32 if empty, and bf16 where the device gains from it.
        backends: If empty, the one that is taken by itself, and `ref` in the first precision.
    """
    gains = pick_dtype("auto", device) == torch.bfloat16
    chosen: Sequence[Precision] = precisions or (("fp32", "bf16") if gains else ("fp32",))
    plain = [] if backends else [Form(chosen[0], "ref")]
    taken: Sequence[BackendName] = backends or ("auto",)
    combined = product(taken, engines, chosen)
    return [*plain, *(Form(precision, backend, engine) for backend, engine, precision in combined)]
