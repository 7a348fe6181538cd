"""How this machine carries a run out: what is no part of the recipe."""

from dataclasses import dataclass
from typing import Literal

import torch

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.drawing import check_compiler
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.captured import Captured
from stylegan_cli.training.compiled import Compiled
from stylegan_cli.training.engines import Engine, eager

EngineName = Literal["eager", "compiled", "captured"]


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How a run is carried out.

    Attributes:
        engine: How phases become gradients: step by step, compiled, or as CUDA graphs.
        backend: Form of the networks' operations.
        profile: So many iterations are traced into the run's folder; 0 traces none.
    """

    engine: EngineName = "eager"
    backend: BackendName = "auto"
    profile: int = 0


AS_USUAL = Conduct()


def check_conduct(conduct: Conduct, recipe: Settled, device: torch.device, world: World) -> None:
    """Refuse what cannot do this run, or not here.

    Raises:
        UsageError: What it is, and why.
    """
    pick_backend(conduct.backend)
    if conduct.engine == "eager":
        return
    flag = {"compiled": "--compile", "captured": "--cuda-graphs"}[conduct.engine]
    if recipe.augment.mode != "none":
        raise UsageError(
            f"{flag}: augmentation looks at more or less of each image as chance has it, and a "
            f"fixed program cannot; leave out {flag}, or add --set augment.mode=none"
        )
    if conduct.engine == "compiled":
        check_compiler(device)
    elif device.type != "cuda":
        raise UsageError(f"--cuda-graphs: the run is on {device}, and only GPUs of CUDA have them")
    elif world.size > 1:
        raise UsageError("--cuda-graphs: not offered for several processes; leave it out")


def open_engine(name: EngineName, dtype: torch.dtype) -> Engine:
    """The engine of that name, for activations of this type."""
    if name == "compiled":
        return Compiled(dtype=dtype)
    return Captured() if name == "captured" else eager
