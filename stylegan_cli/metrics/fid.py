"""The Fréchet distance between two normal distributions: FID, Heusel et al. 2017."""

import numpy as np
from jaxtyping import Float64

from stylegan_cli.metrics.statistics import Moments


def frechet_distance(a: Moments, b: Moments) -> float:
    """‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½); the same for (b, a).

    Finite and never negative for singular covariances too, as those of fewer images than
    dimensions are.
    """
    between_means = np.sum((a.mean - b.mean) ** 2)
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    distance = between_means + traces - 2 * _trace_of_root(a.covariance, b.covariance)
    return max(float(distance), 0.0)


def _trace_of_root(a: Float64[np.ndarray, "d d"], b: Float64[np.ndarray, "d d"]) -> float:
    """Tr (a b)^½ = Σ √λ(Lᵀ a L) with b = L Lᵀ, whose matrices are symmetric."""
    variances, directions = np.linalg.eigh(b)
    L = directions * np.sqrt(np.maximum(variances, 0))
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(L.T @ a @ L), 0)).sum())
