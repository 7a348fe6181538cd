"""The Inception Score of class probabilities, Salimans et al. 2016."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float64

from stylegan_cli.metrics.metric import Metric, OnFeatures, Samples

SPLITS = 10
ROWS_AT_ONCE = 4096


def inception_score(
    probabilities: Float[np.ndarray, "n classes"], *, splits: int = SPLITS
) -> tuple[float, float]:
    """Return mean and population deviation over the parts.

    Of a part, exp of the mean divergence of each image's classes from those of the part.

    Args:
        probabilities: A row per image, in the order of generation; at least one per part.
        splits: Parts of consecutive images.
    """
    n = len(probabilities)
    edges = pairwise(part * n // splits for part in range(splits + 1))
    scores = [_score(probabilities[start:stop].astype(np.float64)) for start, stop in edges]
    return float(np.mean(scores)), float(np.std(scores))


def _score(p: Float64[np.ndarray, "n classes"]) -> float:
    # 0 · log 0 counts as 0
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.maximum(p, tiny)) - np.log(np.maximum(p.mean(axis=0), tiny))
    return float(np.exp((p * logs).sum(axis=1).mean()))


def _measure(samples: Samples) -> dict[str, float]:
    import torch

    starts = range(0, len(samples.fake), ROWS_AT_ONCE)
    parts = (np.array(samples.fake[start : start + ROWS_AT_ONCE]) for start in starts)
    found = [
        samples.detector.probabilities(torch.from_numpy(rows).to(samples.device)).cpu().numpy()
        for rows in parts
    ]
    mean, std = inception_score(np.concatenate(found))
    return {"is_mean": mean, "is_std": std}


INCEPTION_SCORE = Metric(
    name="is",
    about="""Measure the Inception Score; needs the Inception detector.

    It needs the classes of ImageNet, which the detector in the package does not have.
    """,
    examples=("`network=runs/people` `detector=inception`",),
    work=OnFeatures(
        measure=_measure,
        least=SPLITS,
        compares=False,
        needs_classes=True,
        title="Inception Score",
    ),
    better="larger",
)
