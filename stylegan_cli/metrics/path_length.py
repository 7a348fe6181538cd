"""Perceptual path length, [SG1] section 4.1: E[ d(G(p(t)), G(p(t + ε))) / ε² ].

Where codes lie on a path, what of the images is compared, and how distances become one number.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from stylegan_cli.shapes import Images

EPSILON = 1e-4
TRIMMED = 0.01
"""The share of the smallest distances that does not count, and of the largest."""

PERCEIVED_SIDE = 256
Space = Literal["w", "z"]
Stretch = Literal["full", "end"]
"""Steps begin anywhere on a path, or at its end."""

ShrinkRule = Literal["cropped", "whole"]
"""Which side decides how far images are reduced: what is left of them, or theirs at first."""


@dataclass(frozen=True, kw_only=True)
class PathLength:
    """What became of the distances.

    Attributes:
        ppl: Mean of those that count.
        standard_error: How far it would vary with other pairs.
        low, high: The smallest and the largest that count.
        counted: How many do.
    """

    ppl: float
    standard_error: float
    low: float
    high: float
    counted: int


def lerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """The point at t on the straight path: start + t · (end − start)."""
    first = start.astype(np.float64)
    return first + t[:, None] * (end - first)


def slerp(
    start: Float[np.ndarray, "n dim"], end: Float[np.ndarray, "n dim"], t: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n dim"]:
    """The point at t on the great circle between the directions of two codes, of length 1."""
    a, b = _unit(start.astype(np.float64)), _unit(end.astype(np.float64))
    cosine = np.clip((a * b).sum(1, keepdims=True), -1, 1)
    angle = t[:, None] * np.arccos(cosine)
    return _unit(a * np.cos(angle) + _unit(b - cosine * a) * np.sin(angle))


def crop_face(images: Images) -> Float[Tensor, "n channels half half"]:
    """The half of each side where faces of FFHQ are: rows 3/8 to 7/8, columns 2/8 to 6/8."""
    eighth = images.shape[-1] // 8
    return images[:, :, 3 * eighth : 7 * eighth, 2 * eighth : 6 * eighth]


def shrink_factor(resolution: int, *, crop: bool, rule: ShrinkRule = "cropped") -> int:
    """By how much images are reduced before they are compared, to 256 px; never enlarged.

    Args:
        resolution: Of the whole images.
        rule: "whole" reduces cropped images as far as whole ones, as [ADA]'s PyTorch release.
    """
    side = resolution // 2 if crop and rule == "cropped" else resolution
    return max(1, side // PERCEIVED_SIDE)


def shrink(images: Images, factor: int) -> Float[Tensor, "n channels less less"]:
    """Means of factor × factor pixels."""
    return F.avg_pool2d(images, factor) if factor > 1 else images


def path_length(distances: Float[np.ndarray, " n"]) -> PathLength:
    """Mean of the distances from the 1st to the 99th percentile, both included.

    Args:
        distances: Divided by ε² already; at least two.
    """
    d = np.sort(distances.astype(np.float64))
    last = len(d) - 1
    low, high = d[math.floor(TRIMMED * last)], d[math.ceil((1 - TRIMMED) * last)]
    counted = d[(low <= d) & (d <= high)]
    return PathLength(
        ppl=float(counted.mean()),
        standard_error=float(counted.std(ddof=1)) / math.sqrt(len(counted)),
        low=float(low),
        high=float(high),
        counted=len(counted),
    )


def _unit(vectors: Float64[np.ndarray, "n dim"]) -> Float64[np.ndarray, "n dim"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # parallel codes span no circle: the path then stays where it is
    unit: Float64[np.ndarray, "n dim"] = vectors / np.maximum(lengths, np.finfo(np.float64).tiny)
    return unit
