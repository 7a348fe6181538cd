"""Gradient penalties: R1 of the discriminator and path length of the generator."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.ops.conv import no_weight_gradients
from stylegan_cli.runtime import World
from stylegan_cli.shapes import Images, Logits, Scalar, Ws


def r1_penalty(real_logits: Logits, images: Images) -> Float[Tensor, " n"]:
    """Squared gradient of D at each real image, summed over pixels; without γ / 2.

    Mescheder et al. 2018, equation 9. Can be differentiated again.
    """
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad(real_logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))


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
