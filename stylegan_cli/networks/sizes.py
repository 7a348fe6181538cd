"""Sizes of a generator that are known without building it, so without importing torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from stylegan_cli.recipe import Settled, families
from stylegan_cli.sizes import Size

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

BUFFERS = ("w_avg", "noise_const", "transform", "freqs", "phases", "magnitude_ema")
"""Tensors of the networks of the package that are not trained."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a generator; the same as the attributes of `Generator` and its synthesis network.

    Attributes:
        size: Of the images once the network is fully grown.
        has_w: There is an intermediate latent space; otherwise the code is z itself.
        noise_sizes: Size of each noise input, up to the level the network has grown to.
    """

    size: Size
    channels: int
    z_dim: int
    w_dim: int
    c_dim: int
    has_w: bool
    layer_levels: tuple[int, ...]
    noise_sizes: tuple[Size, ...]
    can_move: bool
    lod: float

    @property
    def num_ws(self) -> int:
        """Number of codes per image."""
        return len(self.layer_levels)

    @property
    def has_styles(self) -> bool:
        """Each layer takes its own w; otherwise one code drives all layers."""
        return self.num_ws > 1

    @property
    def has_noise(self) -> bool:
        """Layers have noise inputs."""
        return bool(self.noise_sizes)

    @property
    def grown_size(self) -> Size:
        """Size of the images at the level the network has grown to."""
        return self.size >> int(self.lod)

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
        size=recipe.data.size,
        channels=recipe.data.channels,
        z_dim=recipe.generator.z_dim,
        w_dim=w_dim,
        c_dim=c_dim,
        has_w=len(found.levels) > 1 or recipe.generator.mapping_layers > 0,
        layer_levels=found.levels,
        noise_sizes=found.noise_sizes[: max(len(found.noise_sizes) - missing, 0)],
        can_move=found.can_move,
        lod=lod,
    )


def parameters_in(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    """Count the trainable numbers of the tensors in a file whose names begin so."""
    return sum(
        prod(shape)
        for name, shape in shapes.items()
        if name.startswith(prefix) and name.rpartition(".")[2] not in BUFFERS
    )


def sizes_of_built(G: "Generator") -> Sizes:
    """Return the sizes of a generator that exists."""
    return Sizes(
        size=G.size,
        channels=G.channels,
        z_dim=G.z_dim,
        w_dim=G.w_dim,
        c_dim=G.c_dim,
        has_w=G.has_w,
        layer_levels=G.synthesis.layer_levels,
        noise_sizes=G.synthesis.noise_sizes,
        can_move=G.synthesis.can_move,
        lod=G.lod,
    )
