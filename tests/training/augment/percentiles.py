"""Draws in which every number stands at the same percentile of its distribution."""

import math
from statistics import NormalDist

import torch

from stylegan_cli.training.augment.draws import CHANCES, NORMALS, UNIFORMS, Draws


def draws_at(percentile: float, count: int) -> Draws:
    """Everything happens to every image, with the strength of this percentile.

    As the originals have it: the second rotation has no angle, and a normal number is the inverse
    error function, as if the variance were ½.
    """

    def everywhere(value: float) -> torch.Tensor:
        return torch.full((count,), value, dtype=torch.float64)

    uniforms = {name: everywhere(percentile) for name in UNIFORMS}
    normal = NormalDist(sigma=math.sqrt(0.5)).inv_cdf(percentile)
    return Draws(
        chances={name: everywhere(0) for name in CHANCES},
        uniforms=uniforms | {"rotate_after": everywhere(0.5)},
        normals={name: everywhere(normal) for name in NORMALS},
        noise_seeds=range(count),
    )
