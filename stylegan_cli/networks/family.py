"""Families of networks: the record that says everything about one, and their registry.

A family is a module that builds a `Family` and calls `register`. Those that ship stand in
`stylegan_cli.networks`, under their names, and are imported when a recipe first asks for them;
any other module may register one too. No other code asks which family a network is of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol, runtime_checkable

import torch

from stylegan_cli.networks.discriminators import DiscriminatorForm
from stylegan_cli.networks.mapping import LabelForm
from stylegan_cli.networks.synthesis import Synthesis
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import DiscriminatorSection, Settled, families
from stylegan_cli.recipe.families import FamilyKeys


@runtime_checkable
class BuildSynthesis(Protocol):
    """Builder of the synthesis network of a recipe, at random weights."""

    def __call__(
        self, recipe: Settled, *, w_dim: int, dtype: torch.dtype, backend: BackendName
    ) -> Synthesis:
        """Draw the weights from torch's global stream, which the caller has seeded.

        Args:
            w_dim: Length of a code, which is not the recipe's where there are no mapping layers.
            dtype: Type of the activations; layers of low resolution may stay in float32.
        """


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of networks.

    What its generator can do, the synthesis network says itself: see `Synthesis`.

    Attributes:
        name: The value of `generator.family`.
        keys: Defaults, fixed and own keys of recipes.
        synthesis: Builder of the synthesis network.
        labels: Where labels enter the mapping network.
        root2_in_weight: The gain √2 of activations is part of the weights in the mapping network.
        discriminator: What tells the family's discriminators from those of others.
    """

    name: str
    keys: FamilyKeys = field(default_factory=FamilyKeys)
    synthesis: BuildSynthesis
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
