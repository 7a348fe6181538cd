"""The kernel distance between two sets of features: KID, Bińkowski et al. 2018."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from stylegan_cli.metrics.statistics import Features
from stylegan_cli.runtime import numpy_stream

SUBSETS = 100
SUBSET_SIZE = 1000


@dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """Mean over the subsets, and how far single ones lie from it."""

    mean: float
    sd: float


def kernel_distance(real: Features, fake: Features, *, seed: int = 0) -> KernelDistance:
    """MMD² of random subsets: 100 of 1000 images, or of as many as there are.

    Args:
        real: At least two rows.
        fake: At least two rows.
        seed: Of the choice of subsets.
    """
    size = min(len(real), len(fake), SUBSET_SIZE)
    stream = numpy_stream(seed, "kernel distance")
    values = []
    for _ in range(SUBSETS):
        # fakes first, as the originals draw them
        chosen_fake = np.sort(stream.choice(len(fake), size, replace=False))
        chosen_real = np.sort(stream.choice(len(real), size, replace=False))
        values.append(mmd2(real[chosen_real], fake[chosen_fake]))
    return KernelDistance(mean=float(np.mean(values)), sd=float(np.std(values)))


def mmd2(x: Features, y: Features) -> float:
    """Unbiased squared mean discrepancy of two sets of equal size; may be below 0."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    m = len(x)
    within = _sum_of_others(kernel(x, x)) + _sum_of_others(kernel(y, y))
    return float(within / (m * (m - 1)) - 2 * kernel(x, y).mean())


def kernel(
    a: Float64[np.ndarray, "n dim"], b: Float64[np.ndarray, "m dim"]
) -> Float64[np.ndarray, "n m"]:
    """(aᵀb / dim + 1)³."""
    base: Float64[np.ndarray, "n m"] = a @ b.T
    base /= a.shape[1]
    base += 1
    # a power of float64 takes NumPy longer than these products
    cubed: Float64[np.ndarray, "n m"] = base * base * base
    return cubed


def _sum_of_others(matrix: Float64[np.ndarray, "n n"]) -> float:
    return float(matrix.sum() - np.trace(matrix))
