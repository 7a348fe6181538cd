"""The effect of a direction on images: how much, where, in which layers, how consistently.

Perceptual distances are LPIPS; pooled activations of its trunk show what changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from stylegan_cli.detectors.registry import PerceptualDetector

STEPS = (-2.0, -1.0, 1.0, 2.0)
"""Steps at which a direction is measured."""

NUMBERS = (
    "lpips_per_sigma",  # mean distance one step away, either way
    "asymmetry",  # 0 where both ways change equally much, 1 where only one does
    "consistency",  # mean cosine of the changes of two seeds: 1 if all alike, near 0 by chance
    "linearity",  # share of the change's variance that a straight line through the steps explains
    "identity",  # cosine distance of pooled activations one step away
)

PERCEIVED_SIDE = 256

ENOUGH = 0.8
"""Share of the change that the suggested layers carry."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Images as they are compared.

    Attributes:
        embedding: Vectors whose squared distance is LPIPS.
        pooled: Mean activation of each channel of the trunk.
        greys: Mean of the colour channels, 0 to 255.
    """

    embedding: Float32[np.ndarray, "n values"]
    pooled: Float32[np.ndarray, "n channels"]
    greys: Float32[np.ndarray, "n height width"]

    def __len__(self) -> int:
        return len(self.greys)

    def rows(self, chosen: slice) -> "Looks":
        """Return some of the images."""
        return Looks(**{name: values[chosen] for name, values in vars(self).items()})


def looks_of(images: Tensor, detector: PerceptualDetector) -> Looks:
    """Return images in [−1, 1] as they are compared: at most `PERCEIVED_SIDE` large."""
    levels = (images * 127.5 + 127.5).clamp(0, 255)
    embedding, pooled = detector.describe(_as_seen(levels, detector.smallest))
    return Looks(
        embedding=embedding.cpu().numpy(),
        pooled=pooled.cpu().numpy(),
        greys=levels.mean(dim=1).cpu().numpy(),
    )


def _as_seen(levels: Tensor, smallest: int) -> Tensor:
    """Convert images to the size and channels that a detector takes."""
    if levels.shape[1] not in (1, 3):
        levels = levels.mean(dim=1, keepdim=True)
    side = min(levels.shape[2:])
    if side < smallest:
        factor = -(-smallest // side)
        return levels.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    return F.avg_pool2d(levels, max(1, side // PERCEIVED_SIDE))


def join_looks(parts: Sequence[Looks]) -> Looks:
    """Join several tables to one."""
    tables = [vars(part) for part in parts]
    return Looks(**{name: np.concatenate([each[name] for each in tables]) for name in tables[0]})


def distances(a: Looks, b: Looks) -> Float64[np.ndarray, " n"]:
    """Return the LPIPS of corresponding images, as far as both tables reach."""
    n = min(len(a), len(b))
    difference = a.embedding[:n] - b.embedding[:n]
    return np.asarray(np.einsum("ij,ij->i", difference, difference, dtype=np.float64))


def effect(still: Looks, moved: Sequence[Looks]) -> dict[str, Float[np.ndarray, "..."] | float]:
    """Measure what a direction does.

    Args:
        still: Images without it.
        moved: The same at each of `STEPS`; at ±2 perhaps only the first of them.

    Returns:
        The mean distance at each of `STEPS` as `lpips`, the mean change of each pixel one step away
        in grey levels as `map`, and all `NUMBERS`.
    """
    lpips = np.array([distances(still, each).mean() for each in moved])
    at = dict(zip(STEPS, moved, strict=True))
    back, forth = lpips[STEPS.index(-1)], lpips[STEPS.index(1)]
    change = (at[1].pooled - at[-1].pooled).astype(np.float64)
    turned = [_cosine(still.pooled, at[step].pooled) for step in (-1.0, 1.0)]
    return {
        "lpips": lpips,
        "map": np.stack([np.abs(at[step].greys - still.greys) for step in (-1, 1)]).mean((0, 1)),
        "lpips_per_sigma": (back + forth) / 2,
        "asymmetry": abs(forth - back) / max(forth + back, 1e-12),
        "consistency": mean_cosine(change),
        "linearity": _linearity(still, at, change.mean(axis=0)),
        "identity": 1 - float(np.mean(turned)),
    }


def mean_cosine(rows: Float64[np.ndarray, "n dim"]) -> float:
    """Return the mean cosine of the angles between pairs of rows."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1)
    n = len(unit)
    return float(((unit.sum(axis=0) ** 2).sum() - (unit**2).sum()) / max(n * (n - 1), 1))


def suggested_layers(shares: Float[np.ndarray, " layers"]) -> tuple[int, int]:
    """Return first and last of the fewest neighbouring layers that carry most of the change."""
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    spans = [
        (last - first, -float(sums[last + 1] - sums[first]), first, last)
        for first in range(len(shares))
        for last in range(first, len(shares))
        if sums[last + 1] - sums[first] >= ENOUGH * sums[-1]
    ]
    _, _, first, last = min(spans)
    return first, last


def _linearity(
    still: Looks, at: dict[float, Looks], mean_change: Float64[np.ndarray, " c"]
) -> float:
    """Return R² of the change's projection on its mean against the steps, over all seeds."""
    steps, n = np.array([0.0, *at]), min(map(len, at.values()))
    along = np.stack(
        [(each.pooled[:n] - still.pooled[:n]) @ mean_change for each in (still, *at.values())]
    ).mean(axis=1)
    spread = along.var()
    return float(np.corrcoef(steps, along)[0, 1] ** 2) if spread > 0 else 0.0


def _cosine(a: Float[np.ndarray, "n c"], b: Float[np.ndarray, "n c"]) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).mean())
