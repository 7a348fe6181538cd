"""Tensors that a network of ours needs and a file does not hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.interop.foreign import Taken
from stylegan_cli.networks.build import build_generator
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import stream_seed

W_AVG = "mapping.w_avg"
SAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True)
class Made:
    """A tensor that is made when it is asked for."""

    shape: tuple[int, ...]
    make: Callable[[], Tensor]

    def tensor(self) -> Tensor:
        """The tensor; the same each time."""
        return self.make()


def estimated_w_avg(recipe: Recipe, generator: Mapping[str, Taken]) -> Taken:
    """The mean of W over 10,000 latents of seed 0, for a generator without labels.

    Args:
        generator: What was found for it, its mapping network among it.
    """
    return Taken("(estimated)", Made((recipe.generator.w_dim,), lambda: _mean_w(recipe, generator)))


def drawn_noise(name: str, side: int) -> Taken:
    """A fixed noise map of a layer, always the same for a name.

    Args:
        name: Of the map in our state dict.
    """
    return Taken("(drawn)", Made((side, side), lambda: _draw(name, side)))


def _mean_w(recipe: Recipe, generator: Mapping[str, Taken]) -> Tensor:
    with torch.device("meta"):
        mapping = build_generator(recipe, c_dim=0).mapping
    prefix = "mapping."
    state = {
        name.removeprefix(prefix): taken.tensor()
        for name, taken in generator.items()
        if name.startswith(prefix) and name != W_AVG
    }
    mapping.load_state_dict({**state, "w_avg": torch.zeros(mapping.w_dim)}, assign=True)
    latents = np.random.RandomState(_SEED).randn(SAMPLES, mapping.z_dim).astype(np.float32)
    with torch.no_grad():
        w: Tensor = mapping(torch.from_numpy(latents), torch.empty(SAMPLES, 0))
    return w.double().mean(0).float()


def _draw(name: str, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(stream_seed(_SEED, "noise", name))
    return torch.randn(side, side, generator=generator)
