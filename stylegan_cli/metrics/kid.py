"""The kernel distance between two sets of features: KID, Bińkowski et al. 2018."""

import numpy as np
from jaxtyping import Float64

from stylegan_cli.metrics.metric import Features, Metric, OnFeatures, Samples
from stylegan_cli.runtime import numpy_stream

SUBSETS = 100
SUBSET_SIZE = 1000


def kernel_distance(real: Features, fake: Features, *, seed: int = 0) -> tuple[float, float]:
    """Return mean and deviation of MMD² over subsets: 100 of 1000 images, or of all if fewer."""
    size = min(len(real), len(fake), SUBSET_SIZE)
    stream = numpy_stream(seed, "kernel distance")
    values = []
    for _ in range(SUBSETS):
        # fakes first, as the originals draw them
        chosen_fake = np.sort(stream.choice(len(fake), size, replace=False))
        chosen_real = np.sort(stream.choice(len(real), size, replace=False))
        values.append(mmd2(real[chosen_real], fake[chosen_fake]))
    return float(np.mean(values)), float(np.std(values))


def mmd2(x: Features, y: Features) -> float:
    """Return the unbiased squared mean discrepancy of two sets of equal size; may be below 0."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    m = len(x)
    within = _sum_of_others(kernel(x, x)) + _sum_of_others(kernel(y, y))
    return float(within / (m * (m - 1)) - 2 * kernel(x, y).mean())


def kernel(
    a: Float64[np.ndarray, "n dim"], b: Float64[np.ndarray, "m dim"]
) -> Float64[np.ndarray, "n m"]:
    """Return (aᵀb / dim + 1)³."""
    base: Float64[np.ndarray, "n m"] = a @ b.T
    base /= a.shape[1]
    base += 1
    # NumPy's power of float64 is slower than these products
    cubed: Float64[np.ndarray, "n m"] = base * base * base
    return cubed


def _sum_of_others(matrix: Float64[np.ndarray, "n n"]) -> float:
    return float(matrix.sum() - np.trace(matrix))


def _measure(samples: Samples) -> dict[str, float]:
    mean, sd = kernel_distance(*samples.pair)
    return {"kid": mean, "kid_sd": sd}


KID = Metric(
    name="kid",
    about="""Measure the kernel distance to real images (KID).

    It needs fewer images than FID: the mean over 100 subsets of 1,000 images, without bias. kid_sd
    is the deviation of the subsets.
    """,
    examples=("`network=runs/people` `num=2000`", "`num=2000` `repeat=5` `json`"),
    work=OnFeatures(measure=_measure, title="kernel distance"),
    better="smaller",
)
