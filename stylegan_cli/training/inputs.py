"""Inputs of the phases beside the networks: all random numbers, drawn beforehand.

A phase computes on these alone and never waits for the device, so that it can be compiled or
captured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.recipe import LossSection
from stylegan_cli.runtime import World, numpy_stream, stream_seed, upload
from stylegan_cli.shapes import C, Images, Scalar, Z
from stylegan_cli.sizes import Size
from stylegan_cli.training.augment import Augmentation, Draws, draw


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
        """Draw z, and a second z for style mixing."""
        rows = [_normal(seed, 2 * z_dim, torch.device("cpu")) for seed in self.seeds("z")]
        z, z_mix = upload(torch.stack(rows), self.device).split(z_dim, dim=1)
        return z, z_mix

    def noise(self, sizes: Sequence[Size]) -> list[Tensor]:
        """Draw the noise inputs of the synthesis network, `[n, 1, h, w]` each."""
        return noise_maps(sizes, self.seeds("noise"), self.device)

    def pixel_noise(self, channels: int, size: Size) -> Tensor:
        """Draw standard normal image noise for path-length regularization."""
        # on the device: a CPU takes 10 ms for an image of 1024 px
        rows = [_normal(seed, channels * size.area, self.device) for seed in self.seeds("pixels")]
        return torch.stack(rows).reshape(-1, channels, *size.shape)

    def shares(self) -> Tensor:
        """Draw a number from [0, 1) for each sample, `[n, 1, 1, 1]`."""
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds("share")]
        rows = [torch.rand(1, generator=generator) for generator in generators]
        return upload(torch.stack(rows).reshape(-1, 1, 1, 1), self.device)

    def crossover(self, num_ws: int, probability: float) -> int:
        """Draw the first layer of the second style, for the whole batch; num_ws means no mixing.

        [SG1] section 3.1.
        """
        stream = numpy_stream(self.seed, self.phase, self.iteration, "mix")
        mixes = stream.random() < probability
        crossover = int(stream.integers(1, num_ws))
        return crossover if mixes else num_ws

    def seeds(self, purpose: str) -> list[int]:
        """Return the seed of each sample's stream for a purpose."""
        key = self.phase, self.iteration, purpose
        return [stream_seed(self.seed, *key, i) for i in self.samples]


def _normal(seed: int, size: int, device: torch.device) -> Tensor:
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(size, generator=generator, device=device)


@dataclass(frozen=True, kw_only=True)
class Nets:
    """Both networks and how they are trained.

    Attributes:
        augmentation: Augmentation of every image that D sees, if any.
        blur_sigma: Width of the blur of every image that D sees, in pixels.
        labels: Maps seeds to labels of training images, `[n, c_dim]` on the device.
    """

    G: Generator
    D: Discriminator
    loss: LossSection
    augmentation: Augmentation | None
    blur_sigma: float = 0.0
    labels: Callable[[Sequence[int]], C]
    world: World


Shares = Float[Tensor, "n 1 1 1"]


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """Inputs of G for a batch of images.

    Attributes:
        crossover: First style layer that takes `z_mix`, the number of layers for none; a tensor
            `[]` where one program serves all values. None never mixes.
        augmentation: Random numbers of the augmentation that D sees, if any.
    """

    z: Z
    z_mix: Z
    c: C
    noise: Sequence[Tensor]
    crossover: int | Tensor | None
    augmentation: Draws | None = None


@dataclass(frozen=True, kw_only=True)
class Reals:
    """Real images and their labels; `augmentation` as of `Fakes`."""

    images: Images
    c: C
    augmentation: Draws | None = None


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Inputs for path lengths.

    Attributes:
        directions: Standard normal images, y in [SG2] equation 4.
        running_mean: Of the path lengths so far.
    """

    fakes: Fakes
    directions: Images
    running_mean: Scalar


@dataclass(frozen=True, kw_only=True)
class Between:
    """Positions of images between reals and fakes, for WGAN-GP; `augmentation` as of `Fakes`."""

    shares: Shares
    augmentation: Draws | None = None


@dataclass(frozen=True, kw_only=True)
class Judging:
    """Inputs for a step of D; with `between` if its gradient there is penalised."""

    fakes: Fakes
    reals: Reals
    between: Between | None


Inputs = Fakes | Paths | Judging | Reals


def draw_fakes(nets: Nets, streams: PhaseStreams) -> Fakes:
    """Draw latents, labels and noise, and the crossover of styles if they are mixed."""
    G, mixing = nets.G, nets.loss.style_mixing_prob
    z, z_mix = streams.latents(G.z_dim)
    mixes = G.has_styles and mixing > 0
    return Fakes(
        z=z,
        z_mix=z_mix,
        c=nets.labels(streams.seeds("label")),
        noise=streams.noise(G.synthesis.noise_sizes),
        crossover=streams.crossover(G.active_ws, mixing) if mixes else None,
        augmentation=_augmentation(nets, streams, "fakes"),
    )


def draw_paths(nets: Nets, streams: PhaseStreams, running_mean: Scalar) -> Paths:
    """Draw latents and directions."""
    return Paths(
        # the images are not shown to D
        fakes=replace(draw_fakes(nets, streams), augmentation=None),
        directions=streams.pixel_noise(nets.G.channels, nets.G.grown_size),
        running_mean=running_mean,
    )


def draw_judging(nets: Nets, streams: PhaseStreams, reals: Reals) -> Judging:
    """Draw the inputs of as many fakes as reals."""
    between = None
    if nets.loss.gp_weight > 0:
        augmentation = _augmentation(nets, streams, "between")
        between = Between(shares=streams.shares(), augmentation=augmentation)
    return Judging(
        fakes=draw_fakes(nets, streams),
        reals=replace(reals, augmentation=_augmentation(nets, streams, "reals")),
        between=between,
    )


def draw_reals(nets: Nets, streams: PhaseStreams, reals: Reals) -> Reals:
    """Draw the augmentation of reals for a separate step of R1."""
    return replace(reals, augmentation=_augmentation(nets, streams, "fakes"))


def _augmentation(nets: Nets, streams: PhaseStreams, kind: str) -> Draws | None:
    """Draw random numbers for one kind of images in a phase."""
    return None if nets.augmentation is None else draw(streams.seeds(f"augment {kind}"))
