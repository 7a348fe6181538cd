"""Gradient penalties: R1 and WGAN-GP of the discriminator, path length of the generator."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.ops.conv import no_weight_gradients
from stylegan_cli.runtime import World
from stylegan_cli.shapes import Images, Logits, Scalar, Ws


def r1_penalty(real_logits: Logits, images: Images, full_resolution: int) -> Float[Tensor, " n"]:
    """Squared gradient of D at each real image, summed over pixels; without γ / 2.

    Mescheder et al. 2018, equation 9. Can be differentiated again.

    Args:
        full_resolution: The gradient is that for images of this side, of which D was shown box
            means: with respect to what a growing D of [PG] takes in.
    """
    gradient = _gradient(real_logits, images)
    return gradient.square().sum((1, 2, 3)) * (images.shape[3] / full_resolution) ** 2


def gradient_norm(logits: Logits, images: Images, full_resolution: int) -> Float[Tensor, " n"]:
    """Norm of D's gradient at each image, which WGAN-GP wants to be 1; arguments as of R1.

    Gulrajani et al. 2017, equation 3.
    """
    norms: Tensor = torch.linalg.vector_norm(_gradient(logits, images), dim=(1, 2, 3))
    return norms * (images.shape[3] / full_resolution)


def path_lengths(images: Images, ws: Ws, noise: Images) -> Float[Tensor, " n"]:
    """How far each image moves with w, [SG2] equation 4: root mean over layers of ‖Jᵀy‖².

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
    """Squared distance of each path length from their running mean, and the new mean.

    The mean counts as a constant: that is what the reference gradients show.

    Args:
        running_mean: The mean so far, 0 at the start.
        decay: Weight of this batch in the mean.
    """
    mean = running_mean.lerp(world.mean_(lengths.detach().mean()), decay)
    return (lengths - mean).square(), mean


def _gradient(logits: Logits, images: Images) -> Images:
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient
