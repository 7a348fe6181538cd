"""What an edit leads to: codes that the network draws itself, or ones far out."""

from dataclasses import dataclass

import numpy as np

from stylegan_cli.rendering.store import StudyFile

FAR = 99.0
"""Percentile of the network's own codes beyond which images are of no face it ever learned."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far out the codes of a strength lie.

    Attributes:
        percentile: Share of the network's own codes that lie further in: the median over seeds,
            each by the layer furthest out.
    """

    strength: float
    percentile: float


def reaches(file: StudyFile) -> tuple[Reach, ...]:
    """How far out each strength leads."""
    far = file.array("out", "percentile").astype(np.float64)
    strengths = file.header.request["strengths"]
    return tuple(
        Reach(strength=strength, percentile=float(np.median(column)))
        for strength, column in zip(strengths, far.T, strict=True)
    )
