"""The four phases of a StyleGAN2 iteration, each from networks and random streams to gradients.

Order and bookkeeping follow [ADA]: Gmain, Greg, Dmain, Dreg, each with latents of its own and
an optimizer step; the regularizers are lazy, [SG2] section 3.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.stylegan2 import Generator
from stylegan_cli.recipe import LossSection
from stylegan_cli.runtime import World
from stylegan_cli.shapes import C, Images, Logits, Ws
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.losses import discriminator_loss, generator_loss
from stylegan_cli.training.regularizers import path_length_penalty, path_lengths, r1_penalty
from stylegan_cli.training.stats import Stats


@dataclass(frozen=True, kw_only=True)
class Nets:
    """The two players and how they are trained.

    Attributes:
        r1_gamma: Resolved weight of R1.
        n_images: Size of the data set, whose labels the fakes borrow.
        labels_of: Labels of training images by index, `[n, c_dim]` on the device.
    """

    G: Generator
    D: Discriminator
    loss: LossSection
    r1_gamma: float
    n_images: int
    labels_of: Callable[[Sequence[int]], C]
    world: World
    stats: Stats


@dataclass(frozen=True, kw_only=True)
class Reals:
    """Real images and their labels."""

    images: Images
    c: C


def g_main(nets: Nets, streams: PhaseStreams) -> Tensor:
    """Loss of G: how little D takes its images for real."""
    images, _, c = _generate(nets, streams)
    logits = nets.D(images, c)
    loss = generator_loss(logits)
    nets.stats.add("loss_g", loss)
    return loss.mean()


def g_reg(nets: Nets, streams: PhaseStreams, pl_mean: Tensor) -> Tensor:
    """Path-length regularization of G; moves `pl_mean` on in place, once per round."""
    images, ws, _ = _generate(nets, streams)
    noise = streams.pixel_noise(images.shape[1], images.shape[2])
    lengths = path_lengths(images, ws, noise)
    penalty, mean = path_length_penalty(lengths, pl_mean, nets.loss.pl_decay, nets.world)
    pl_mean.copy_(mean)
    nets.stats.add("pl_length", lengths)
    nets.stats.add("pl_penalty", penalty)
    return nets.loss.pl_weight * nets.loss.pl_interval * penalty.mean()


def d_main(nets: Nets, streams: PhaseStreams, reals: Reals) -> Tensor:
    """Loss of D: how well it tells fakes and reals apart."""
    with torch.no_grad():
        fakes, _, c = _generate(nets, streams)
    fake_logits, real_logits = judge(nets.D, fakes, c, reals)
    loss = discriminator_loss(fake_logits, real_logits)
    nets.stats.add("loss_d", loss)
    nets.stats.add("score_fake", fake_logits)
    nets.stats.add("score_real", real_logits)
    nets.stats.add("sign_real", real_logits.detach().sign())
    return loss.mean()


def d_reg(nets: Nets, reals: Reals) -> Tensor:
    """R1 regularization of D on the real images."""
    images = reals.images.detach().requires_grad_()
    penalty = r1_penalty(nets.D(images, reals.c), images)
    nets.stats.add("r1_penalty", penalty)
    return nets.r1_gamma / 2 * nets.loss.r1_interval * penalty.mean()


def judge(D: Discriminator, fakes: Images, c: C, reals: Reals) -> tuple[Logits, Logits]:
    """Logits of fakes and of as many reals; no group of minibatch deviation mixes them."""
    if len(fakes) % D.b4.mbstd.group_size:
        # they do not fill their groups, so one pass would fill them up with the others
        return D(fakes, c), D(reals.images, reals.c)
    # alternating images fall into groups of their own, and one pass is faster than two
    logits = D(_alternate(fakes, reals.images), _alternate(c, reals.c))
    return logits[0::2], logits[1::2]


def _alternate(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a, b], dim=1).flatten(0, 1)


def _generate(nets: Nets, streams: PhaseStreams) -> tuple[Images, Ws, C]:
    """Images of fresh latents in training mode: random noise, mixed styles, w_avg tracked."""
    G = nets.G
    c = nets.labels_of(streams.label_choices(nets.n_images))
    z, z_mix = streams.latents(G.z_dim)
    w = G.mapping(z, c)
    G.mapping.track(nets.world.mean_(w.detach().mean(0)))
    ws = w.unsqueeze(1).expand(-1, G.num_ws, -1)
    crossover = streams.crossover(G.num_ws, nets.loss.style_mixing_prob)
    if crossover < G.num_ws:
        w_mix = G.mapping(z_mix, c).unsqueeze(1)
        ws = torch.cat([ws[:, :crossover], w_mix.expand(-1, G.num_ws - crossover, -1)], dim=1)
    images = G.synthesis(ws, streams.noise(G.synthesis.noise_resolutions))
    return images, ws, c
