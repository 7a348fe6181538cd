"""The reach of an edit: codes like the network's own, or far out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegan_cli.rendering.store import open_study

FAR = 99.0
"""Percentile of the network's own codes beyond which images are of no face it ever learned."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Distance of the codes of a strength from the mean.

    Attributes:
        percentile: Share of the network's own codes that lie further in: the median over seeds,
            each by the layer furthest out.
    """

    strength: float
    percentile: float

    @property
    def is_far(self) -> bool:
        """Return whether the network itself hardly ever draws such codes."""
        return self.percentile > FAR


def reaches(path: Path) -> tuple[Reach, ...]:
    """Return how far out each strength of an edit leads.

    Raises:
        DataError: The file is no study of an edit, or damaged.
    """
    with open_study(path) as file:
        far = file.array("out", "percentile").astype(np.float64)
        strengths = file.header.request["strengths"]
    return tuple(
        Reach(strength=strength, percentile=float(np.median(column)))
        for strength, column in zip(strengths, far.T, strict=True)
    )
