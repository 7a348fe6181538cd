"""What each phase takes in beside the networks: all its random numbers, drawn beforehand.

A phase computes on these alone and never waits for the device, so that it can be compiled or
captured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from stylegan_cli.shapes import C, Images, Scalar, Z
from stylegan_cli.training.augment import Draws, draw
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.nets import Nets

Shares = Float[Tensor, "n 1 1 1"]


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """What G makes a batch of images from.

    Attributes:
        crossover: First style layer that takes `z_mix`, the number of layers for none; a tensor
            `[]` where the same program is to serve all of them. None never mixes.
        augmentation: Random numbers for what D sees of the images, if it is not the images.
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
    """What path lengths are measured with.

    Attributes:
        directions: Standard normal images, y in [SG2] equation 4.
        running_mean: Of the path lengths so far.
    """

    fakes: Fakes
    directions: Images
    running_mean: Scalar


@dataclass(frozen=True, kw_only=True)
class Between:
    """How far images lie from reals to fakes, for WGAN-GP; `augmentation` as of `Fakes`."""

    shares: Shares
    augmentation: Draws | None = None


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What D is to tell apart; `between` where its gradient there is penalised."""

    fakes: Fakes
    reals: Reals
    between: Between | None


Inputs = Fakes | Paths | Judging | Reals


def draw_fakes(nets: Nets, streams: PhaseStreams) -> Fakes:
    """Fresh latents, labels and noise, and where to change styles if they are mixed."""
    G, mixing = nets.G, nets.loss.style_mixing_prob
    z, z_mix = streams.latents(G.z_dim)
    mixes = G.has_styles and mixing > 0
    return Fakes(
        z=z,
        z_mix=z_mix,
        c=nets.labels_of(streams.label_choices(nets.n_images)),
        noise=streams.noise(G.synthesis.noise_resolutions),
        crossover=streams.crossover(G.active_ws, mixing) if mixes else None,
        augmentation=_augmentation(nets, streams, "fakes"),
    )


def draw_paths(nets: Nets, streams: PhaseStreams, running_mean: Scalar) -> Paths:
    """Fresh latents and directions."""
    return Paths(
        # the images are not shown to D
        fakes=replace(draw_fakes(nets, streams), augmentation=None),
        directions=streams.pixel_noise(nets.G.channels, nets.G.side),
        running_mean=running_mean,
    )


def draw_judging(nets: Nets, streams: PhaseStreams, reals: Reals) -> Judging:
    """Reals beside what as many fakes are made from."""
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
    """Reals as R1 of a step of its own sees them."""
    return replace(reals, augmentation=_augmentation(nets, streams, "fakes"))


def _augmentation(nets: Nets, streams: PhaseStreams, kind: str) -> Draws | None:
    """Random numbers of their own for each kind of images in a phase."""
    return None if nets.augmentation is None else draw(streams.seeds(f"augment {kind}"))
