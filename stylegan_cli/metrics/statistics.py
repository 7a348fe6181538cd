"""Mean and covariance of features, in float64, in one pass."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from stylegan_cli.errors import MetricError

Features = Float[np.ndarray, "_ dim"]
"""One row per image; may be a memory-mapped file."""

ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and covariance of `count` feature vectors."""

    count: int
    mean: Float64[np.ndarray, " dim"]
    covariance: Float64[np.ndarray, "dim dim"]


def moments(features: Features, *, ddof: int = 1) -> Moments:
    """Return mean and covariance of features.

    Args:
        features: At least two rows.
        ddof: Divide by count − ddof: 1 is the sample covariance of [SG1] and [SG2], 0 the
            population's of [ADA].
    """
    count, dim = features.shape
    # sums around a value near the mean keep digits that x² − mean² would lose
    shift = features[0].astype(np.float64)
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for block in blocks(features):
        block -= shift
        total += block.sum(axis=0)
        products += block.T @ block
    offset = total / count
    covariance = (products - count * np.outer(offset, offset)) / (count - ddof)
    return Moments(count=count, mean=shift + offset, covariance=covariance)


def blocks(features: Features) -> Iterator[Float64[np.ndarray, "rows dim"]]:
    """Yield the features in order, some thousand rows at a time, each block a copy."""
    for start in range(0, len(features), ROWS_AT_ONCE):
        yield features[start : start + ROWS_AT_ONCE].astype(np.float64)


def check_features(features: Features, *, at_least: int, what: str) -> None:
    """Raise if there are too few features, or some are not finite."""
    if len(features) < at_least:
        raise MetricError(
            f"{what}: {len(features)} images are too few, this metric needs {at_least}; add more"
        )
    for start, block in enumerate(blocks(features)):
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            raise MetricError(
                f"{what}: the features of image {start * ROWS_AT_ONCE + bad[0]} are not finite; "
                "the network that made it has diverged, or the detector's weights are damaged"
            )
