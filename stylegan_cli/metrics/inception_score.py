"""The Inception Score of class probabilities, Salimans et al. 2016."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float64

SPLITS = 10


@dataclass(frozen=True, kw_only=True)
class InceptionScore:
    """Mean and population standard deviation over the parts."""

    mean: float
    std: float


def inception_score(
    probabilities: Float[np.ndarray, "n classes"], *, splits: int = SPLITS
) -> InceptionScore:
    """exp of the mean divergence of each image's classes from those of its part.

    Args:
        probabilities: A row an image, in the order of generation; at least one a part.
        splits: Parts of consecutive images.
    """
    n = len(probabilities)
    edges = pairwise(part * n // splits for part in range(splits + 1))
    scores = [_score(probabilities[start:stop].astype(np.float64)) for start, stop in edges]
    return InceptionScore(mean=float(np.mean(scores)), std=float(np.std(scores)))


def _score(p: Float64[np.ndarray, "n classes"]) -> float:
    # 0 · log 0 counts as 0
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.maximum(p, tiny)) - np.log(np.maximum(p.mean(axis=0), tiny))
    return float(np.exp((p * logs).sum(axis=1).mean()))
