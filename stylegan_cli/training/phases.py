"""The phases of an iteration, each from networks and random streams to a loss.

Gmain, Greg, Dmain, Dreg as in [ADA], each with latents of its own. Lazy regularizers, [SG2]
section 3.1, are phases; otherwise R1 is part of Dmain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.recipe import LossSection
from stylegan_cli.runtime import World
from stylegan_cli.shapes import C, Images, Logits, Verdict, Ws
from stylegan_cli.training.augment import Augmentation
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.losses import class_loss, discriminator_loss, generator_loss
from stylegan_cli.training.regularizers import (
    gradient_norm,
    path_length_penalty,
    path_lengths,
    r1_penalty,
)
from stylegan_cli.training.stats import Stats


@dataclass(frozen=True, kw_only=True)
class Nets:
    """The two players and how they are trained.

    Attributes:
        augmentation: Of every image that D sees; None is none.
        r1_gamma: Resolved weight of R1.
        n_images: How many images there are whose labels the fakes borrow.
        labels_of: Labels of those images by index, `[n, c_dim]` on the device.
    """

    G: Generator
    D: Discriminator
    loss: LossSection
    augmentation: Augmentation | None
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
    verdicts = nets.D(_augmented(nets, streams, images), c)
    loss = generator_loss(verdicts[:, :1], nets.loss) + class_loss(verdicts, c)
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
    interval = nets.loss.pl_interval if nets.loss.lazy else 1
    return nets.loss.pl_weight * interval * penalty.mean()


def d_main(nets: Nets, streams: PhaseStreams, reals: Reals) -> Tensor:
    """Loss of D: how well it tells fakes and reals apart, with the penalties of every step."""
    with torch.no_grad():
        fakes, _, c = _generate(nets, streams)
    with_r1 = nets.r1_gamma > 0 and not nets.loss.lazy
    reals = replace(reals, images=reals.images.detach().requires_grad_(with_r1))
    shown = replace(reals, images=_augmented(nets, streams, reals.images, "reals"))
    on_fakes, on_reals = judge(nets.D, _augmented(nets, streams, fakes), c, shown)
    fake_scores, real_scores = on_fakes[:, :1], on_reals[:, :1]
    loss = discriminator_loss(fake_scores, real_scores, nets.loss)
    loss = loss + class_loss(on_fakes, c) + class_loss(on_reals, reals.c)
    nets.stats.add("loss_d", loss)
    nets.stats.add("score_fake", fake_scores)
    nets.stats.add("score_real", real_scores)
    _observe(nets, real_scores)
    total = loss.mean()
    if with_r1:
        total = total + _r1(nets, real_scores, reals.images)
    if nets.loss.gp_weight > 0:
        total = total + _gradient_penalty(nets, streams, fakes, reals)
    return total


def d_reg(nets: Nets, streams: PhaseStreams, reals: Reals) -> Tensor:
    """R1 regularization of D on the real images, as they are before augmentation."""
    images = reals.images.detach().requires_grad_()
    scores = nets.D(_augmented(nets, streams, images), reals.c)[:, :1]
    _observe(nets, scores)
    return _r1(nets, scores, images, nets.loss.r1_interval)


def judge(D: Discriminator, fakes: Images, c: C, reals: Reals) -> tuple[Verdict, Verdict]:
    """Verdicts on fakes and as many reals; no group of minibatch deviation mixes them."""
    if len(fakes) % D.b4.mbstd.group_size or reals.images.requires_grad:
        # they do not fill their groups, so one pass would fill them up with the others; or the
        # reals' gradient is wanted, which need not run through the fakes
        return D(fakes, c), D(reals.images, reals.c)
    # alternating images fall into groups of their own, and one pass is faster than two
    verdicts = D(_alternate(fakes, reals.images), _alternate(c, reals.c))
    return verdicts[0::2], verdicts[1::2]


def between(fakes: Images, reals: Images, shares: Tensor) -> Images:
    """Images on the way from reals to fakes, each with a share of its fake, for WGAN-GP."""
    return reals.detach().lerp(fakes, shares).requires_grad_()


def _r1(nets: Nets, real_scores: Logits, images: Images, interval: int = 1) -> Tensor:
    penalty = r1_penalty(real_scores, images, nets.D.resolution)
    nets.stats.add("r1_penalty", penalty)
    return nets.r1_gamma / 2 * interval * penalty.mean()


def _gradient_penalty(nets: Nets, streams: PhaseStreams, fakes: Images, reals: Reals) -> Tensor:
    images = between(fakes, reals.images, streams.shares())
    scores = nets.D(_augmented(nets, streams, images, "between"), reals.c)[:, :1]
    norm = gradient_norm(scores, images, nets.D.resolution)
    nets.stats.add("gp_norm", norm)
    return nets.loss.gp_weight * (norm - 1).square().mean()


def _augmented(nets: Nets, streams: PhaseStreams, images: Images, kind: str = "fakes") -> Images:
    """Images as D sees them, with random numbers of their own for each kind in a phase."""
    if nets.augmentation is None:
        return images
    return nets.augmentation(images, streams.seeds(f"augment {kind}"))


def _observe(nets: Nets, real_scores: Logits) -> None:
    nets.stats.add("r_t", real_scores.detach().sign())
    if nets.augmentation is not None:
        nets.augmentation.observe(real_scores)


def _alternate(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a, b], dim=1).flatten(0, 1)


def _generate(nets: Nets, streams: PhaseStreams) -> tuple[Images, Ws, C]:
    """Images of fresh latents in training mode: random noise, mixed styles, w_avg tracked."""
    G = nets.G
    c = nets.labels_of(streams.label_choices(nets.n_images))
    z, z_mix = streams.latents(G.z_dim)
    w = G.mapping(z, c)
    if torch.is_grad_enabled() and not w.requires_grad:
        # paths are measured from w, of a frozen mapping network too
        w.requires_grad_()
    G.mapping.track(nets.world.mean_(w.detach().mean(0)))
    ws = w.unsqueeze(1).expand(-1, G.num_ws, -1)
    if G.has_styles:
        crossover = streams.crossover(G.active_ws, nets.loss.style_mixing_prob)
        if crossover < G.active_ws:
            w_mix = G.mapping(z_mix, c).unsqueeze(1)
            ws = torch.cat([ws[:, :crossover], w_mix.expand(-1, G.num_ws - crossover, -1)], dim=1)
    images = G.synthesis(ws, streams.noise(G.synthesis.noise_resolutions))
    return images, ws, c
