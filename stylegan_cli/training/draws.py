"""The random inputs of a training phase, each sample with a stream of its own.

A sample's stream follows from (seed, phase, iteration, sample index), so results do not depend
on how a batch is split over processes and accumulation rounds, and a resumed run goes on with
the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan_cli.noise import noise_maps
from stylegan_cli.runtime import numpy_stream, stream_seed, upload
from stylegan_cli.shapes import Z


@dataclass(frozen=True, kw_only=True)
class PhaseStreams:
    """Random streams of one phase of one iteration.

    Attributes:
        samples: Positions in the global batch of the samples drawn here.
    """

    seed: int
    phase: str
    iteration: int
    samples: Sequence[int]
    device: torch.device

    def latents(self, z_dim: int) -> tuple[Z, Z]:
        """z, and a second z for style mixing."""
        rows = [_normal(seed, 2 * z_dim, torch.device("cpu")) for seed in self.seeds("z")]
        z, z_mix = upload(torch.stack(rows), self.device).split(z_dim, dim=1)
        return z, z_mix

    def noise(self, resolutions: Sequence[int]) -> list[Tensor]:
        """Noise inputs of the synthesis network, `[n, 1, r, r]` each."""
        return noise_maps(resolutions, self.seeds("noise"), self.device)

    def pixel_noise(self, channels: int, resolution: int) -> Tensor:
        """Standard normal image noise of path-length regularization."""
        size = channels * resolution * resolution
        # where they are needed: a CPU takes 10 ms for an image of 1024 px
        rows = [_normal(seed, size, self.device) for seed in self.seeds("pixels")]
        return torch.stack(rows).reshape(-1, channels, resolution, resolution)

    def shares(self) -> Tensor:
        """A number from [0, 1) for each sample, `[n, 1, 1, 1]`."""
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds("share")]
        rows = [torch.rand(1, generator=generator) for generator in generators]
        return upload(torch.stack(rows).reshape(-1, 1, 1, 1), self.device)

    def label_choices(self, count: int) -> list[int]:
        """Index of the training image whose label each sample takes."""
        return [seed % count for seed in self.seeds("label")]

    def crossover(self, num_ws: int, probability: float) -> int:
        """First layer of the second style, one for the whole batch; num_ws is no mixing.

        [SG1] section 3.1.
        """
        stream = numpy_stream(self.seed, self.phase, self.iteration, "mix")
        mixes = stream.random() < probability
        crossover = int(stream.integers(1, num_ws))
        return crossover if mixes else num_ws

    def seeds(self, purpose: str) -> list[int]:
        """Seed of each sample's stream for a purpose."""
        key = self.phase, self.iteration, purpose
        return [stream_seed(self.seed, *key, i) for i in self.samples]


def _normal(seed: int, size: int, device: torch.device) -> Tensor:
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(size, generator=generator, device=device)
