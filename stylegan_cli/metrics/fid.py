"""The Fréchet distance between two normal distributions: FID, Heusel et al. 2017."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from stylegan_cli.metrics.metric import Features, Metric, OnFeatures, Samples

ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and covariance of `count` feature vectors."""

    count: int
    mean: Float64[np.ndarray, " dim"]
    covariance: Float64[np.ndarray, "dim dim"]


def moments(features: Features, *, ddof: int = 1) -> Moments:
    """Return mean and covariance of features, in float64, in one pass.

    Args:
        features: At least two rows.
        ddof: Divide by count − ddof: 1 is the sample covariance of [SG1] and [SG2], 0 the
            population's of [ADA].
    """
    count, dim = features.shape
    # sums around a value near the mean keep digits that x² − mean² would lose
    shift = features[0].astype(np.float64)
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for start in range(0, count, ROWS_AT_ONCE):
        block = features[start : start + ROWS_AT_ONCE].astype(np.float64) - shift
        total += block.sum(axis=0)
        products += block.T @ block
    offset = total / count
    covariance = (products - count * np.outer(offset, offset)) / (count - ddof)
    return Moments(count=count, mean=shift + offset, covariance=covariance)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return ‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½); the same for (b, a).

    Finite and never negative for singular covariances too, as those of fewer images than
    dimensions are.
    """
    between_means = np.sum((a.mean - b.mean) ** 2)
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    distance = between_means + traces - 2 * _trace_of_root(a.covariance, b.covariance)
    return max(float(distance), 0.0)


def _trace_of_root(a: Float64[np.ndarray, "d d"], b: Float64[np.ndarray, "d d"]) -> float:
    """Return Tr (a b)^½ = Σ √λ(Lᵀ a L) with b = L Lᵀ, whose matrices are symmetric."""
    variances, directions = np.linalg.eigh(b)
    L = directions * np.sqrt(np.maximum(variances, 0))
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(L.T @ a @ L), 0)).sum())


def _measure(samples: Samples) -> dict[str, float]:
    real, fake = (moments(features, ddof=samples.ddof) for features in samples.pair)
    return {"fid": frechet_distance(real, fake)}


def _caution(images: int, dim: int) -> str | None:
    if images > dim:
        return None
    return (
        f"{images} images for {dim} numbers each: the Fréchet distance comes out too large; "
        "compare it only with those of equally many images"
    )


FID = Metric(
    name="fid",
    about="""Measure the Fréchet distance to real images (FID).

    It compares the distribution of features of generated images with that of real ones; 0 means
    equal. Called FID with the Inception detector and 50,000 images; otherwise the name of the
    number contains that of the detector, as in fd_alex.
    """,
    examples=(
        "`network=runs/people`",
        "`num=2000` `repeat=5` `data=people.zip`",
        "`all_snapshots=runs/people` `num=5000`",
        "`images=drawn.zip` `data=people.zip`",
        "`protocol=ada` `detector=inception`",
    ),
    work=OnFeatures(measure=_measure, title="Fréchet distance", caution=_caution),
    better="smaller",
)
