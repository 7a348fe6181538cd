"""Sizes of a generator that are known without building it, so without importing torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylegan_cli.recipe import Settled, families

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a generator; the same as the attributes of `Generator` and its synthesis network.

    Attributes:
        has_w: There is an intermediate latent space; otherwise the code is z itself.
        layer_sides: Side at which each code acts.
        noise_sides: Side of each noise input, up to the level the network has grown to.
        can_move: The pictures can be shifted and turned.
    """

    resolution: int
    channels: int
    z_dim: int
    w_dim: int
    c_dim: int
    has_w: bool
    layer_sides: tuple[int, ...]
    noise_sides: tuple[int, ...]
    can_move: bool
    lod: float

    @property
    def num_ws(self) -> int:
        """Number of codes per image."""
        return len(self.layer_sides)

    @property
    def has_styles(self) -> bool:
        """Each layer takes its own w; otherwise one code drives all layers."""
        return self.num_ws > 1

    @property
    def has_noise(self) -> bool:
        """Layers have noise inputs."""
        return bool(self.noise_sides)

    @property
    def side(self) -> int:
        """Side of the images at the level the network has grown to."""
        return self.resolution >> int(self.lod)

    @property
    def active_ws(self) -> int:
        """Number of style layers up to the level the network has grown to."""
        return self.num_ws - 2 * int(self.lod) if self.has_styles else 1


def sizes_of(recipe: Settled, *, w_dim: int, c_dim: int, lod: float) -> Sizes | None:
    """Return the sizes of a recipe's generator; None if its family does not tell them.

    Args:
        w_dim: Length of a code, which is not the recipe's where there are no mapping layers.
    """
    layers = families.keys_of(recipe.generator.family).layers
    if layers is None:
        return None
    found = layers(recipe)
    missing = 2 * int(lod)
    return Sizes(
        resolution=recipe.data.resolution,
        channels=recipe.data.channels,
        z_dim=recipe.generator.z_dim,
        w_dim=w_dim,
        c_dim=c_dim,
        has_w=len(found.sides) > 1 or recipe.generator.mapping_layers > 0,
        layer_sides=found.sides,
        noise_sides=found.noise_sides[: max(len(found.noise_sides) - missing, 0)],
        can_move=found.can_move,
        lod=lod,
    )


def sizes_of_built(G: "Generator") -> Sizes:
    """Return the sizes of a generator that exists."""
    return Sizes(
        resolution=G.resolution,
        channels=G.channels,
        z_dim=G.z_dim,
        w_dim=G.w_dim,
        c_dim=G.c_dim,
        has_w=G.has_w,
        layer_sides=G.synthesis.layer_sides,
        noise_sides=G.synthesis.noise_resolutions,
        can_move=G.synthesis.can_move,
        lod=G.lod,
    )
