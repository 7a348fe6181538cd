"""The generator of every family: a mapping network and a synthesis network."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from stylegan_cli.errors import UsageError
from stylegan_cli.networks.mapping import MappingNetwork
from stylegan_cli.networks.noise import NoiseInput, NoiseLayer, noise_layers
from stylegan_cli.networks.synthesis import Synthesis
from stylegan_cli.shapes import Images, Ws


class CompiledSynthesis(Synthesis):
    """As the synthesis network, without gradients; compiles at its first call.

    Larger batches are cut and smaller ones filled up to `batch_size`, so that nothing is compiled
    twice; only another kind of noise input is another program.
    """

    def __init__(self, synthesis: Synthesis, batch_size: int) -> None:
        super().__init__()
        self.synthesis, self.batch_size = synthesis, batch_size
        self.num_ws = synthesis.num_ws

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """Side of every noise input, as far as the network has grown."""
        return self.synthesis.noise_resolutions

    @property
    def layer_sides(self) -> tuple[int, ...]:
        """Side at which each code acts."""
        return self.synthesis.layer_sides

    @property
    def lod(self) -> float:
        """Levels still missing from full resolution."""
        return self.synthesis.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self.synthesis.lod = lod

    @torch.no_grad()
    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """As of the synthesis network.

        Raises:
            UsageError: It cannot be compiled on this machine.
        """
        parts = [self._run(*part) for part in self._parts(ws, noise)]
        return torch.cat(parts)[: len(ws)]

    def _parts(self, ws: Tensor, noise: NoiseInput) -> Iterator[tuple[Tensor, NoiseInput]]:
        size = self.batch_size
        for start in range(0, len(ws), size):
            rows = torch.arange(start, start + size, device=ws.device).clamp(max=len(ws) - 1)
            yield ws[rows], noise if isinstance(noise, str) else _chosen(noise, rows)

    @cached_property
    def _program(self) -> Callable[[Tensor, NoiseInput], Tensor]:
        return torch.compile(self.synthesis.forward, dynamic=False)

    def _run(self, ws: Tensor, noise: NoiseInput) -> Tensor:
        with warnings.catch_warnings():
            # what the compiler says to its developers
            warnings.simplefilter("ignore")
            from torch._dynamo.exc import TorchDynamoException

            try:
                return self._program(ws, noise)
            except TorchDynamoException as error:
                raise UsageError(_refusal(error)) from None


def _refusal(error: Exception) -> str:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return f"--compile: this network cannot be compiled here ({reason}); leave --compile out"


def _chosen(maps: Sequence[Tensor], rows: Tensor) -> list[Tensor]:
    return [each if len(each) == 1 else each[rows] for each in maps]


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
