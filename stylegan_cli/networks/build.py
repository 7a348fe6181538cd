"""Networks from a recipe: the one place that knows the families."""

import torch
from torch import nn

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.stylegan2 import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Recipe
from stylegan_cli.recipe.automatic import resolve
from stylegan_cli.runtime import stream_seed


def build_generator(
    recipe: Recipe,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Generator:
    """G at its initial weights, which depend on `recipe.seed` only; on the CPU.

    Under `torch.device("meta")` it has shapes but no weights and costs no memory.

    Args:
        dtype: Type of the activations from 8×8 on; weights are float32.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "G"))
        return Generator(
            recipe.generator,
            resolution=recipe.data.resolution,
            channels=recipe.data.channels,
            c_dim=c_dim,
            dtype=dtype,
            backend=backend,
        )


def build_discriminator(
    recipe: Recipe,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Discriminator:
    """D at its initial weights, as `build_generator`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "D"))
        return Discriminator(
            resolve(recipe).discriminator,
            resolution=recipe.data.resolution,
            channels=recipe.data.channels,
            c_dim=c_dim,
            dtype=dtype,
            backend=backend,
        )


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(parameter.numel() for parameter in module.parameters())
