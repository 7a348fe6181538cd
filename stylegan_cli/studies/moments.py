"""Mean and variance of what passes by, and how much of a variance has which cause."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Float64


class Moments:
    """Mean and variance of arrays that are not kept; sums in float64, by Welford's recurrence.

    With d = xₙ − x̄ₙ₋₁:  x̄ₙ = x̄ₙ₋₁ + d / n,  Mₙ = Mₙ₋₁ + d · (xₙ − x̄ₙ),  variance = Mₙ / (n − 1).
    Arrays that are all equal have a variance of exactly 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Float64[np.ndarray, "*shape"] = np.zeros(())
        self._squares: Float64[np.ndarray, "*shape"] = np.zeros(())

    def add(self, values: Float[np.ndarray, "*shape"]) -> None:
        """Count in one more array; all have the same shape."""
        self.count += 1
        off = values.astype(np.float64) - self.mean
        self.mean = self.mean + off / self.count
        self._squares = self._squares + off * (values - self.mean)

    @property
    def variance(self) -> Float64[np.ndarray, "*shape"]:
        """Unbiased; 0 of a single array."""
        return self._squares / max(self.count - 1, 1)


def split_variance(
    groups: Iterable[tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]], draws: int
) -> tuple[Float64[np.ndarray, "*shape"], Float64[np.ndarray, "*shape"]]:
    """The variance between groups and the one within them, element by element, both unbiased.

    The law of total variance, Var x = Var E[x | group] + E Var(x | group), from S groups of N
    draws each, of mean x̄ₛ and variance vₛ = Σ (x − x̄ₛ)² / (N − 1):

        within  = Σ vₛ / S
        between = Σ (x̄ₛ − x̄)² / (S − 1) − within / N

    The mean of N draws still varies by within / N, which is not the group's doing. Where the
    variance between groups is near 0, its estimate can fall below.

    Args:
        groups: Mean and variance of each group.
        draws: N.

    Returns:
        Between and within; of a single group, what is between is not a number.
    """
    means, within = Moments(), Moments()
    for mean, variance in groups:
        means.add(mean)
        within.add(variance)
    between = means.variance if means.count > 1 else np.full_like(means.mean, np.nan)
    return between - within.mean / draws, within.mean
