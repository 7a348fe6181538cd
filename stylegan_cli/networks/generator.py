"""The generator of every family: a mapping network and a synthesis network."""

from torch import Tensor, nn

from stylegan_cli.networks.mapping import MappingNetwork
from stylegan_cli.networks.noise import NoiseLayer, noise_layers
from stylegan_cli.networks.synthesis import Synthesis
from stylegan_cli.sizes import Size


class Generator(nn.Module):
    """G: network from latents and labels to images.

    Attributes:
        size: Of the images once G is fully grown.
        has_styles: Each layer takes its own w; otherwise one code drives all layers.
        has_noise: Layers have noise inputs.
        has_w: There is an intermediate latent space; otherwise the code is z itself.
    """

    def __init__(
        self, mapping: MappingNetwork, synthesis: Synthesis, *, size: Size, channels: int
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = mapping.z_dim, mapping.c_dim, mapping.w_dim
        self.size, self.channels = size, channels
        self.synthesis = synthesis
        self.mapping = mapping
        self.num_ws = synthesis.num_ws
        self.has_styles = synthesis.num_ws > 1
        self.has_noise = bool(synthesis.noise_sizes)
        self.has_w = self.has_styles or mapping.layers > 0

    @property
    def tracked(self) -> dict[str, Tensor]:
        """Buffers, by name, that training updates in forward passes."""
        moving = ("w_avg", *self.synthesis.tracked)
        return {
            name: buffer
            for name, buffer in self.named_buffers()
            if name.rpartition(".")[2] in moving
        }

    @property
    def noise_layers(self) -> tuple[NoiseLayer, ...]:
        """Layers with noise inputs, up to the level G has grown to; input i is of style layer i."""
        layers = noise_layers(self.synthesis)
        return tuple(layers[: len(self.synthesis.noise_sizes)])

    @property
    def lod(self) -> float:
        """Levels that G still lacks; fractional while one fades in."""
        return self.synthesis.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self.synthesis.lod = lod

    @property
    def grown_size(self) -> Size:
        """Size of the images at the level G has grown to."""
        return self.size >> int(self.lod)

    @property
    def active_ws(self) -> int:
        """Number of style layers up to the level G has grown to."""
        return self.num_ws - 2 * int(self.lod) if self.has_styles else 1
