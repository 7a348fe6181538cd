"""The contract of synthesis networks, by which the rest of the package knows them."""

import torch
from torch import nn

from stylegan_cli.networks.layers import freeze_layers
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.shapes import Images, Ws


class Synthesis(nn.Module):
    """Network from codes to images.

    Attributes:
        num_ws: Codes an image takes; 1 means a single code for all layers: no styles to mix.
        lod: Levels that a growing network still misses from its full resolution; fractional
            while one fades in, 0 in a network that does not grow.
    """

    num_ws: int
    lod: float = 0.0

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """Side of every noise input, as far as the network has grown; none has no noise."""
        raise NotImplementedError

    @property
    def layer_sides(self) -> tuple[int, ...]:
        """Side at which each code acts: coarse up to 8 px, middle up to 32, fine above.

        A network whose layers have no such side returns nominal ones.
        """
        raise NotImplementedError

    def frozen(self, dtype: torch.dtype) -> "Synthesis":
        """Turn into a network that draws the same images with less work; see `Freezable`."""
        freeze_layers(self, dtype)
        return self

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """Images of the codes, as large as the network has grown; float32.

        Args:
            noise: "const" takes the maps stored in the network, "none" none; or one
                `[n or 1, 1, r, r]` map for each noise input.
        """
        raise NotImplementedError
