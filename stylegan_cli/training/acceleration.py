"""Acceleration: the part of a run that belongs to the machine, not to the recipe."""

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
class Acceleration:
    """The engine and backend of gradient computation, and tracing.

    Results are bit-identical only with the same engine and backend.

    Attributes:
        engine: Step by step, compiled, or as CUDA graphs.
        backend: Form of the networks' operations.
        profile: Number of iterations to trace into the run's folder.
        threads: Number of threads on a CPU; None chooses.
    """

    engine: EngineName = "eager"
    backend: BackendName = "auto"
    profile: int = 0
    threads: int | None = None


USUAL = Acceleration()


def check_acceleration(
    acceleration: Acceleration, recipe: Settled, device: torch.device, world: World
) -> None:
    """Refuse what cannot train this recipe, or not on this machine.

    Raises:
        UsageError: Names it, and why.
    """
    pick_backend(acceleration.backend)
    if acceleration.engine == "eager":
        return
    name = {"compiled": "compile", "captured": "cuda_graphs"}[acceleration.engine]
    if recipe.augment.mode != "none":
        raise UsageError(
            f"`{name}`: augmentation crops and pads each image by chance, which a fixed program "
            f"cannot; leave out `{name}`, or set `augment.mode=none`"
        )
    if acceleration.engine == "compiled":
        check_compiler(device)
    elif device.type != "cuda":
        raise UsageError(f"`{name}`: needs a CUDA GPU, but the run is on {device}; leave it out")
    elif world.size > 1:
        raise UsageError(f"`{name}`: works in one process only; leave it out")


def open_engine(name: EngineName, dtype: torch.dtype) -> Engine:
    """Return the engine of that name for activations of this type."""
    if name == "compiled":
        return Compiled(dtype=dtype)
    return Captured() if name == "captured" else eager
