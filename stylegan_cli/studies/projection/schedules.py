"""Learning rate and noise over the steps of a projection, [SG2] appendix D."""

import numpy as np
from jaxtyping import Float64, Int64

RISE, DESCENT, NOISY = 0.05, 0.25, 0.75
"""Shares of all steps: the rate rises over the first, falls over the last, noise ends at."""

Steps = Int64[np.ndarray, " n"]
Factors = Float64[np.ndarray, " n"]


def rate_factor(step: Steps, steps: int) -> Factors:
    """Return the share of the full rate: a rise from 0, then 1, then half a cosine to 0."""
    t = step / steps
    falling = 0.5 * (1 - np.cos(np.pi * np.minimum(1, (1 - t) / DESCENT)))
    factors: Factors = falling * np.minimum(1, t / RISE)
    return factors


def noise_factor(step: Steps, steps: int) -> Factors:
    """Return the share of the full noise on the code: max(0, 1 − t/0.75)²."""
    factors: Factors = np.maximum(0, 1 - step / steps / NOISY) ** 2
    return factors
