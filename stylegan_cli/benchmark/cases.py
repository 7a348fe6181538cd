"""What is timed: networks of a recipe at a resolution, and the forms in which they compute."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch

from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import pick_dtype
from stylegan_cli.training.growing import Stage, stages

Precision = Literal["fp32", "bf16"]


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
    """How networks compute."""

    precision: Precision
    backend: BackendName

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}"


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
) -> list[Form]:
    """Every precision in every backend.

    Args:
        precisions: fp32 if empty, and bf16 where the device gains from it.
        backends: If empty, the one that is taken by itself, and `ref` in the first precision.
    """
    gains = pick_dtype("auto", device) == torch.bfloat16
    chosen: Sequence[Precision] = precisions or (("fp32", "bf16") if gains else ("fp32",))
    if backends:
        return [Form(precision, backend) for backend in backends for precision in chosen]
    return [Form(chosen[0], "ref"), *(Form(precision, "auto") for precision in chosen)]
