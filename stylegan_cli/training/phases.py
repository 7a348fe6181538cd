"""Phases of an iteration: functions of networks and inputs that change neither.

Gmain, Greg, Dmain, Dreg as in [ADA], each with latents of its own. Lazy regularizers, [SG2]
section 3.1, are phases; otherwise R1 is part of Dmain.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops.autograd import no_weight_gradients
from stylegan_cli.recipe import LossSection, Settled
from stylegan_cli.runtime import World
from stylegan_cli.shapes import W1, C, Images, Logits, Scalar, Verdict, W, Ws, Z
from stylegan_cli.sizes import Size
from stylegan_cli.training.augment import Draws
from stylegan_cli.training.inputs import Between, Fakes, Judging, Nets, Paths, Reals


def generator_loss(fakes: Logits, loss: LossSection) -> Logits:
    """Return −log σ(D(G(z))), non-saturating, [SG1] section 2.1; or −D(G(z)), Wasserstein, [PG]."""
    return -fakes if loss.adversarial == "wgan" else F.softplus(-fakes)


def discriminator_loss(fakes: Logits, reals: Logits, loss: LossSection) -> Logits:
    """Return −log(1 − σ(D(G(z)))) − log σ(D(x)); or D(G(z)) − D(x) + ε · D(x)², [PG] appendix A."""
    if loss.adversarial == "wgan":
        return fakes - reals + loss.wgan_drift * reals.square()
    return F.softplus(fakes) + F.softplus(-reals)


def class_loss(verdicts: Verdict, c: C) -> Logits:
    """Return the cross-entropy of the class that D predicts, AC-GAN; 0 if it predicts none."""
    if verdicts.shape[1] == 1:
        return torch.zeros_like(verdicts)
    return F.cross_entropy(verdicts[:, 1:], c, reduction="none").unsqueeze(1)


def r1_penalty(real_logits: Logits, images: Images, full_size: Size) -> Float[Tensor, " n"]:
    """Return the squared gradient of D at each real image, summed over pixels; without γ / 2.

    Mescheder et al. 2018, equation 9. Can be differentiated again.

    Args:
        full_size: Of the images of which D was shown box means; the gradient is with respect to
            those, as for a growing D of [PG].
    """
    gradient = _gradient(real_logits, images)
    return gradient.square().sum((1, 2, 3)) * (images.shape[3] / full_size.width) ** 2


def gradient_norm(logits: Logits, images: Images, full_size: Size) -> Float[Tensor, " n"]:
    """Return the norm of D's gradient at each image, pushed to 1 by WGAN-GP; arguments as of R1.

    Gulrajani et al. 2017, equation 3.
    """
    norms: Tensor = torch.linalg.vector_norm(_gradient(logits, images), dim=(1, 2, 3))
    return norms * (images.shape[3] / full_size.width)


def path_lengths(images: Images, ws: Ws, noise: Images) -> Float[Tensor, " n"]:
    """Return each image's path length, [SG2] equation 4: root mean over layers of ‖Jᵀy‖².

    Args:
        images: G.synthesis(ws).
        noise: y, standard normal; scaled here by 1 / √(height · width).
    """
    area = images.shape[2] * images.shape[3]
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad(
            (images * noise).sum() / math.sqrt(area), ws, create_graph=True
        )
    return gradient.square().sum(2).mean(1).sqrt()


def path_length_penalty(
    lengths: Float[Tensor, " n"], running_mean: Scalar, decay: float, world: World
) -> tuple[Float[Tensor, " n"], Scalar]:
    """Return squared distances of path lengths from their running mean, and the new mean.

    The new mean takes in this batch, and that share of it carries gradient: the lengths of all
    processes, so that any number of them computes the same.

    Args:
        running_mean: The mean so far, 0 at the start.
        decay: Weight of this batch in the mean.
    """
    batch_mean = world.mean_(lengths.detach().mean())
    mean = running_mean.lerp(batch_mean, decay)
    # zero, with the gradient that reaches each length through the mean
    through_mean = -2 * (batch_mean - mean) * decay * (lengths - lengths.detach())
    return (lengths - mean).square() + through_mean, mean


def _gradient(logits: Logits, images: Images) -> Images:
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Loss and statistics of one phase.

    Attributes:
        loss: To be differentiated.
        observed: For statistics, by name, values of any shape; "r_t" are signs of scores of reals.
        w_mean: Of the first codes of a batch of fakes.
        moved: Tracked buffers of the synthesis network, moved on.
        pl_mean: Of path lengths, moved on.
    """

    loss: Scalar
    observed: Mapping[str, Tensor]
    w_mean: W1 | None = None
    moved: Tensor | None = None
    pl_mean: Scalar | None = None


def g_main(nets: Nets, fakes: Fakes) -> Outcome:
    """Compute the loss of G."""
    made = _generate(nets.G, fakes)
    verdicts = nets.D(_augmented(nets, made.images, fakes.augmentation), fakes.c)
    loss = generator_loss(verdicts[:, :1], nets.loss) + class_loss(verdicts, fakes.c)
    return Outcome(loss=loss.mean(), observed={"loss_g": loss}, w_mean=made.w_mean)


def g_reg(nets: Nets, paths: Paths) -> Outcome:
    """Compute the path-length regularization of G."""
    made = _generate(nets.G, paths.fakes)
    lengths = path_lengths(made.images, made.ws, paths.directions)
    penalty, mean = path_length_penalty(lengths, paths.running_mean, nets.loss.pl_decay, nets.world)
    interval = nets.loss.pl_interval if nets.loss.lazy else 1
    return Outcome(
        loss=nets.loss.pl_weight * interval * penalty.mean(),
        observed={"pl_length": lengths, "pl_penalty": penalty},
        w_mean=made.w_mean,
        pl_mean=mean,
    )


def d_main(nets: Nets, judging: Judging) -> Outcome:
    """Compute the loss of D with the penalties of every step."""
    with torch.no_grad():
        made = _generate(nets.G, judging.fakes, for_d=True)
    c, with_r1 = judging.fakes.c, nets.loss.r1_gamma > 0 and not nets.loss.lazy
    reals = replace(judging.reals, images=judging.reals.images.detach().requires_grad_(with_r1))
    shown = replace(reals, images=_augmented(nets, reals.images, reals.augmentation))
    fakes = _augmented(nets, made.images, judging.fakes.augmentation)
    on_fakes, on_reals = judge(nets.D, fakes, c, shown)
    fake_scores, real_scores = on_fakes[:, :1], on_reals[:, :1]
    loss = discriminator_loss(fake_scores, real_scores, nets.loss)
    loss = loss + class_loss(on_fakes, c) + class_loss(on_reals, reals.c)
    observed = {"loss_d": loss, "score_fake": fake_scores, "score_real": real_scores}
    observed["r_t"] = real_scores.sign()
    total = loss.mean()
    if with_r1:
        observed["r1_penalty"] = r1_penalty(real_scores, reals.images, nets.D.size)
        total = total + nets.loss.r1_gamma / 2 * observed["r1_penalty"].mean()
    if judging.between is not None:
        observed["gp_norm"] = _slopes(nets, judging.between, made.images, reals)
        total = total + nets.loss.gp_weight * (observed["gp_norm"] - 1).square().mean()
    return Outcome(loss=total, observed=observed, w_mean=made.w_mean, moved=made.moved)


def d_reg(nets: Nets, reals: Reals) -> Outcome:
    """Compute the R1 regularization of D on real images, before augmentation."""
    images = reals.images.detach().requires_grad_()
    scores = nets.D(_augmented(nets, images, reals.augmentation), reals.c)[:, :1]
    penalty = r1_penalty(scores, images, nets.D.size)
    return Outcome(
        loss=nets.loss.r1_gamma / 2 * nets.loss.r1_interval * penalty.mean(),
        observed={"r1_penalty": penalty, "r_t": scores.sign()},
    )


def judge(D: Discriminator, fakes: Images, c: C, reals: Reals) -> tuple[Verdict, Verdict]:
    """Judge fakes and as many reals; no group of minibatch standard deviation mixes them."""
    if len(fakes) % D.b4.mbstd.group_size or reals.images.requires_grad:
        # incomplete groups would be filled up with the others in one pass; and a gradient of the
        # reals need not run through the fakes
        return D(fakes, c), D(reals.images, reals.c)
    # alternating images fall into groups of their own, and one pass is faster than two
    verdicts = D(_alternate(fakes, reals.images), _alternate(c, reals.c))
    return verdicts[0::2], verdicts[1::2]


def between(fakes: Images, reals: Images, shares: Tensor) -> Images:
    """Interpolate images from reals to fakes, each with a share of its fake, for WGAN-GP."""
    return reals.detach().lerp(fakes, shares).requires_grad_()


def _slopes(nets: Nets, chosen: Between, fakes: Images, reals: Reals) -> Float[Tensor, " n"]:
    """Return the norm of D's gradient at each interpolated image."""
    images = between(fakes, reals.images, chosen.shares)
    scores = nets.D(_augmented(nets, images, chosen.augmentation), reals.c)[:, :1]
    return gradient_norm(scores, images, nets.D.size)


def _augmented(nets: Nets, images: Images, draws: Draws | None) -> Images:
    """Return images as D sees them."""
    images = blurred(images, nets.blur_sigma)
    if nets.augmentation is None or draws is None:
        return images
    return nets.augmentation(images, draws)


def _alternate(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a, b], dim=1).flatten(0, 1)


@dataclass(frozen=True, kw_only=True)
class _Made:
    images: Images
    ws: Ws
    w_mean: W1 | None
    moved: Tensor | None


def _generate(G: Generator, fakes: Fakes, *, for_d: bool = False) -> _Made:
    """Generate images in training mode: random noise, mixed styles, updated running means."""
    w, ws = _styles(G, fakes)
    if G.synthesis.means_move_for_d and not for_d:
        images = G.synthesis(ws, fakes.noise)
        return _Made(images=images, ws=ws, w_mean=None, moved=None)
    images, moved = G.synthesis.moving(ws, fakes.noise)
    w_mean = w.detach().mean(0)
    return _Made(images=images, ws=ws, w_mean=w_mean, moved=moved)


def _styles(G: Generator, fakes: Fakes) -> tuple[W, Ws]:
    """Return w of z, and w by layer: from the crossover on, that of `z_mix`."""
    crossover = fakes.crossover
    if crossover is None or (isinstance(crossover, int) and crossover >= G.active_ws):
        w = _map(G, fakes.z, fakes.c)
        return w, w.unsqueeze(1).expand(-1, G.num_ws, -1)
    # one pass is faster than two
    both = _map(G, torch.cat([fakes.z, fakes.z_mix]), torch.cat([fakes.c, fakes.c]))
    w, w_mix = both.unsqueeze(1).chunk(2)
    if isinstance(crossover, int):
        parts = w.expand(-1, crossover, -1), w_mix.expand(-1, G.num_ws - crossover, -1)
        return w[:, 0], torch.cat(parts, dim=1)
    layers = torch.arange(G.num_ws, device=w.device)[:, None]
    return w[:, 0], torch.where(layers < crossover, w, w_mix)


def _map(G: Generator, z: Z, c: C) -> W:
    w: W = G.mapping(z, c)
    if torch.is_grad_enabled() and not w.requires_grad:
        # path lengths need w to require gradients, even of a frozen mapping network
        w.requires_grad_()
    return w


def blur_sigma(recipe: Settled, cur_nimg: int) -> float:
    """Return the width of the blur in pixels, which decreases linearly to 0."""
    loss = recipe.loss
    if not loss.blur_sigma:
        return 0.0
    return float(loss.blur_sigma * max(1 - cur_nimg / (loss.blur_fade_kimg * 1000), 0))


def blurred(images: Images, sigma: float) -> Images:
    """Filter images with `2^−(d/σ)²` up to 3 σ, zeros outside; differentiable to any order."""
    reach = math.floor(3 * sigma)
    if reach == 0:
        return images
    height, width = images.shape[2:]
    return _band(height, sigma, reach, images) @ images @ _band(width, sigma, reach, images)


def _band(size: int, sigma: float, reach: int, like: Tensor) -> Tensor:
    """Return the filter as a symmetric matrix, `[size, size]`."""
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64, device=like.device)
    total = torch.exp2(-(offsets / sigma).square()).sum()
    position = torch.arange(size, dtype=torch.float64, device=like.device)
    distance = (position[:, None] - position).abs()
    taps = torch.exp2(-(distance / sigma).square()) / total
    return torch.where(distance <= reach, taps, 0).to(like.dtype)
