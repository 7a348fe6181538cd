"""Networks of a recipe, at their initial weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import family_of
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.mapping import MappingNetwork, MappingOptions
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import stream_seed


def build_generator(
    recipe: Settled,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Generator:
    """Build G on the CPU, at initial weights that depend on `recipe.seed` only.

    Under `torch.device("meta")` it has shapes but no weights and takes no memory.

    Args:
        dtype: Type of the activations from 8×8 up; weights are float32.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "G"))
        mapping = _mapping(recipe, c_dim)
        synthesis = family_of(recipe).synthesis(
            recipe, w_dim=mapping.w_dim, dtype=dtype, backend=backend
        )
        return Generator(
            mapping,
            synthesis,
            size=recipe.data.size,
            channels=recipe.data.channels,
        )


def build_discriminator(
    recipe: Settled,
    *,
    c_dim: int,
    dtype: torch.dtype = torch.float32,
    backend: BackendName = "auto",
) -> Discriminator:
    """Build D at its initial weights, like `build_generator`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(recipe.seed, "init", "D"))
        section = recipe.discriminator
        return Discriminator(
            section,
            form=family_of(recipe).discriminator(section),
            size=recipe.data.size,
            channels=recipe.data.channels,
            c_dim=c_dim,
            dtype=dtype,
            backend=backend,
        )


class Unfilled(TorchFunctionMode):
    """Context in which networks are built without drawing their weights, which a file brings.

    The device "meta" would do, but its operations import torch's compiler, which takes seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def count_parameters(module: nn.Module) -> int:
    """Count the trainable numbers of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def _mapping(recipe: Settled, c_dim: int) -> MappingNetwork:
    section, family = recipe.generator, family_of(recipe)
    options = MappingOptions(
        layers=section.mapping_layers,
        lr_multiplier=section.mapping_lr_multiplier,
        labels="embedded" if section.labels == "embedded" else family.labels,
        root2_in_weight=family.root2_in_weight,
        w_avg_beta=section.w_avg_beta,
    )
    return MappingNetwork(z_dim=section.z_dim, c_dim=c_dim, w_dim=section.w_dim, options=options)
