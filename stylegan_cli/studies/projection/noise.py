"""Noise maps as variables: what keeps them noise while they are optimised, [SG2] appendix D."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Map = Float[Tensor, "n 1 _ _"]

COARSEST = 8
"""Maps are averaged down to this side."""


def correlation_penalty(maps: Sequence[Map]) -> Float[Tensor, " n"]:
    """Return the squared correlation of maps with themselves, shifted, at every scale.

    Σ over maps, scales and both axes of (mean(v · shift v))². Unlike in the paper, and as in the
    published programs, the averaged maps are not brought back to unit variance. Each row is a
    picture of its own.
    """
    total = torch.zeros(len(maps[0]), device=maps[0].device)
    for level in maps:
        while True:
            for axis in (2, 3):
                total = total + (level * level.roll(1, axis)).mean((1, 2, 3)).square()
            if level.shape[-1] <= COARSEST:
                break
            level = F.avg_pool2d(level, 2)
    return total


def standardize(noise: Map) -> Map:
    """Bring each map to mean 0 and mean square 1."""
    centred = noise - noise.mean((2, 3), keepdim=True)
    scaled: Map = centred * centred.square().mean((2, 3), keepdim=True).rsqrt()
    return scaled
