"""The generator of every family: a mapping network and a synthesis network."""

from torch import nn

from stylegan_cli.networks.compiled import CompiledSynthesis, PlainSynthesis
from stylegan_cli.networks.mapping import MappingNetwork
from stylegan_cli.noise import NoiseLayer, noise_layers

Synthesis = PlainSynthesis | CompiledSynthesis


class Generator(nn.Module):
    """G: latents and labels to images.

    Attributes:
        has_styles: Each layer takes a w of its own; else there is one code for all layers.
        has_noise: Layers have noise inputs.
        has_w: There is an intermediate latent space; else the code is z itself.
    """

    def __init__(
        self, mapping: MappingNetwork, synthesis: Synthesis, *, resolution: int, channels: int
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = mapping.z_dim, mapping.c_dim, mapping.w_dim
        self.resolution, self.channels = resolution, channels
        self.synthesis = synthesis
        self.mapping = mapping
        self.num_ws = synthesis.num_ws
        # a traditional one has a single code for all of it
        self.has_styles = synthesis.num_ws > 1
        self.has_noise = bool(synthesis.noise_resolutions)
        self.has_w = self.has_styles or mapping.layers > 0

    @property
    def noise_layers(self) -> tuple[NoiseLayer, ...]:
        """The layers with noise inputs, as far as G has grown: input i belongs to style layer i."""
        layers = noise_layers(self.synthesis)
        return tuple(layers[: len(self.synthesis.noise_resolutions)])

    @property
    def lod(self) -> float:
        """Levels still missing from full resolution; fractional while one fades in."""
        return self.synthesis.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self.synthesis.lod = lod

    @property
    def side(self) -> int:
        """Of the images as far as G has grown."""
        return self.resolution >> int(self.lod)

    @property
    def active_ws(self) -> int:
        """Style layers as far as G has grown."""
        return self.num_ws - 2 * int(self.lod) if self.has_styles else 1
