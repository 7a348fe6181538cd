"""Paths from one code to the next: lines, arcs, splines, and their easing in time."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

Interp = Literal[
    "lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w", "circle-z", "noise", "direction"
]
"""Interpolated code and its curve."""

Easing = Literal["linear", "smooth", "smoother"]
Vectors = Float[np.ndarray, "..."]
"""Vectors along the last axis; any leading axes."""

Times = Float[np.ndarray, "..."]
"""In a shape that goes with the vectors."""

PARALLEL = 1e-7
"""Sine of an angle from which on two directions are taken for one, or for opposites."""

EASINGS: Mapping[Easing, Callable[[float], float]] = {
    "linear": lambda t: t,
    "smooth": lambda t: t * t * (3 - 2 * t),
    "smoother": lambda t: t * t * t * (t * (6 * t - 15) + 10),
}
"""Share of the way at a share of the time: constant speed, or at rest at both ends."""


def lerp(a: Vectors, b: Vectors, t: Times) -> Vectors:
    """Interpolate on the straight line from a to b; both ends bit-identical."""
    line: Vectors = (1 - t) * a + t * b
    return line


def slerp(a: Vectors, b: Vectors, t: Times) -> Vectors:
    """Interpolate on the arc from a to b at constant angular speed and linear squared norm.

    Normal vectors so keep their variance all the way. Between opposites, which any great circle
    joins, the arc bends towards the axis that they are furthest from.
    """
    length_a, length_b = _norm(a), _norm(b)
    towards_a, towards_b = _divide(a, length_a), _divide(b, length_b)
    cosine = (towards_a * towards_b).sum(-1, keepdims=True)
    across = towards_b - cosine * towards_a
    sine = _norm(across)
    across = np.where(sine > PARALLEL, _divide(across, sine), _perpendicular(towards_a))
    angle = t * np.arctan2(sine, cosine)
    length = np.sqrt(lerp(length_a**2, length_b**2, t))
    arc = length * (np.cos(angle) * towards_a + np.sin(angle) * across)
    # from or to zero there is no direction to turn
    return np.where((length_a > 0) & (length_b > 0), arc, lerp(a, b, t))


def cubic(before: Vectors, a: Vectors, b: Vectors, after: Vectors, t: Times) -> Vectors:
    """Interpolate on the Catmull-Rom spline, with slopes that average the adjacent lines."""
    slope_a, slope_b = (b - before) / 2, (after - a) / 2
    spline: Vectors = (
        (1 + 2 * t) * (1 - t) ** 2 * a
        + t * (1 - t) ** 2 * slope_a
        + t**2 * (3 - 2 * t) * b
        + t**2 * (t - 1) * slope_b
    )
    return spline


def _norm(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return lengths


def _divide(vectors: Vectors, lengths: Vectors) -> Vectors:
    quotient: Vectors = vectors / np.where(lengths > 0, lengths, 1)
    return quotient


def _perpendicular(directions: Vectors) -> Vectors:
    """Return a unit vector perpendicular to each unit vector."""
    axis = np.abs(directions).argmin(-1)[..., None]
    basis = (np.arange(directions.shape[-1]) == axis).astype(np.float64)
    across = basis - (basis * directions).sum(-1, keepdims=True) * directions
    return _divide(across, _norm(across))
