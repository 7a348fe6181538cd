"""Precision and recall, density and coverage: images within the reach of others' neighbourhoods.

Kynkäänniemi et al. 2019; Naeem et al. 2020.
"""

from typing import Any

import numpy as np

from stylegan_cli.metrics.metric import Features, Metric, OnFeatures, Samples

NEAREST_PRECISION, NEAREST_DENSITY = 3, 5
MOST_FOR_DENSITY = 10_000


def precision_recall(
    real: Features, fake: Features, *, k: int = 3, **where: Any
) -> tuple[float, float]:
    """Return precision and recall: shares of fakes near reals, and of reals near fakes.

    Near is within the distance to the k-th nearest other point of the same set, itself
    included.

    Args:
        real: More than k rows.
        fake: More than k rows.
        where: `device` and `half` of `distances`.
    """
    from stylegan_cli.metrics.distances import distance_blocks, reach

    real_reach, fake_reach = reach(real, k, **where), reach(fake, k, **where)
    covered_fake = np.zeros(len(fake), bool)
    covered_real = np.zeros(len(real), bool)
    for rows, columns, distances in distance_blocks(fake, real, **where):
        covered_fake[rows] |= (distances <= real_reach[columns]).any(dim=1).cpu().numpy()
        covered_real[columns] |= (
            (distances <= fake_reach[rows].unsqueeze(1)).any(dim=0).cpu().numpy()
        )
    return float(covered_fake.mean()), float(covered_real.mean())


def density_coverage(
    real: Features, fake: Features, *, k: int = 5, **where: Any
) -> tuple[float, float]:
    """Return density and coverage of the neighbourhoods of reals.

    The mean number of neighbourhoods that hold a fake, over k, and the share that hold any; they
    reach, strictly, to the k-th nearest other real.

    Args:
        real: More than k rows.
        fake: At least one row.
        where: `device` and `half` of `distances`.
    """
    from stylegan_cli.metrics.distances import distance_blocks, reach

    real_reach = reach(real, k, **where)
    held, covered = 0, np.zeros(len(real), bool)
    for _, columns, distances in distance_blocks(fake, real, **where):
        inside = distances < real_reach[columns]
        held += int(inside.sum())
        covered[columns] |= inside.any(dim=0).cpu().numpy()
    return held / (k * len(fake)), float(covered.mean())


def _measure(samples: Samples) -> dict[str, float]:
    real, fake = samples.pair
    device = samples.device
    precision, recall = precision_recall(real, fake, k=NEAREST_PRECISION, device=device, half=True)
    some = (features[:MOST_FOR_DENSITY] for features in (real, fake))
    density, coverage = density_coverage(*some, k=NEAREST_DENSITY, device=device)
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


PRECISION_RECALL = Metric(
    name="pr",
    about="""Measure precision, recall, density and coverage.

    Precision is the share of generated images that lie among the real ones, recall the share of
    real images that lie among the generated ones.
    """,
    examples=("`network=runs/people` `num=5000`", "`num=2000` `psi_curve=0.5:1:6`"),
    work=OnFeatures(measure=_measure, least=1 + NEAREST_DENSITY, purpose="manifold"),
)
