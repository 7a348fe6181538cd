"""Families of networks: the record that says everything about one, and their registry.

A family is a module that builds a `Family` and calls `register`. Those that ship stand in
`stylegan_cli.networks`, under their names, and are imported when a recipe first asks for them;
any other module may register one too. No other code asks which family a network is of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from stylegan_cli.networks.discriminators import Discriminator, DiscriminatorForm
from stylegan_cli.networks.generator import (
    Blueprint,
    Generator,
    LabelForm,
    MappingNetwork,
    MappingOptions,
    Synthesis,
)
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import DiscriminatorSection, Settled, families
from stylegan_cli.recipe.families import FamilyKeys
from stylegan_cli.runtime import stream_seed


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of networks.

    What its generator can do, the synthesis network says itself: see `Synthesis`.

    Attributes:
        keys: Defaults, fixed and own keys of recipes.
        synthesis: Builds the synthesis network, with weights from torch's global stream, which the
            caller has seeded.
        labels: Where labels enter the mapping network.
        root2_in_weight: The gain √2 of activations is part of the weights in the mapping network.
        discriminator: What tells the family's discriminators from those of others.
    """

    name: str
    keys: FamilyKeys = field(default_factory=FamilyKeys)
    synthesis: Callable[[Blueprint], Synthesis]
    labels: LabelForm = "projected"
    root2_in_weight: bool = False
    discriminator: Callable[[DiscriminatorSection], DiscriminatorForm] = lambda _: (
        DiscriminatorForm()
    )


_FAMILIES: dict[str, Family] = {}


def register(family: Family) -> None:
    """Make a family known: recipes may name it, and its networks can be built."""
    families.register(family.name, family.keys)
    _FAMILIES[family.name] = family


def family_of(recipe: Settled) -> Family:
    """Return the family that a recipe names."""
    name = recipe.generator.family
    if name not in _FAMILIES:
        assert name in families.names(), f"{name} is no family"
        import_module(f"stylegan_cli.networks.{name}")
    return _FAMILIES[name]


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
        blueprint = Blueprint(recipe=recipe, w_dim=mapping.w_dim, dtype=dtype, backend=backend)
        synthesis = family_of(recipe).synthesis(blueprint)
        return Generator(mapping, synthesis, size=recipe.data.size, channels=blueprint.channels)


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
