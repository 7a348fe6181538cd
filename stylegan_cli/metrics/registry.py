"""Numbers from features: each metric with the counts and constants it is defined with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from stylegan_cli.detectors import FeatureDetector
from stylegan_cli.metrics.fid import frechet_distance
from stylegan_cli.metrics.inception_score import SPLITS, inception_score
from stylegan_cli.metrics.kid import kernel_distance
from stylegan_cli.metrics.precision_recall import Place, density_coverage, precision_recall
from stylegan_cli.metrics.protocol import Metric
from stylegan_cli.metrics.statistics import Features, check_features, moments

NEAREST_PRECISION, NEAREST_DENSITY = 3, 5
MOST_FOR_DENSITY = 10_000
ROWS_OF_PROBABILITIES = 4096


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Features to measure, from one detector, checked.

    Attributes:
        real: None where a metric looks at fakes only.
    """

    detector: FeatureDetector
    device: torch.device
    real: Features | None
    fake: Features
    ddof: int = 1


def measure(metric: Metric, samples: Samples) -> Mapping[str, float]:
    """The values of one metric, by plain names such as "fid" or "recall".

    Raises:
        MetricError: Too few images, or features that are not finite.
        UsageError: The detector does not tell what the metric needs.
    """
    if metric == "is":
        return _inception_score(samples)
    assert samples.real is not None, "all other metrics compare"
    check_features(samples.real, at_least=least_images(metric), what="real images")
    check_features(samples.fake, at_least=least_images(metric), what="fake images")
    compare = {"fid": _frechet, "kid": _kernel, "pr": _manifold}[metric]
    return compare(samples.real, samples.fake, samples)


def least_images(metric: Metric) -> int:
    """So few images, of each kind, give a number at all."""
    return {"fid": 2, "kid": 2, "is": SPLITS, "pr": 1 + NEAREST_DENSITY}[metric]


def _frechet(real: Features, fake: Features, samples: Samples) -> Mapping[str, float]:
    a, b = (moments(features, ddof=samples.ddof) for features in (real, fake))
    return {"fid": frechet_distance(a, b)}


def _kernel(real: Features, fake: Features, _: Samples) -> Mapping[str, float]:
    found = kernel_distance(real, fake)
    return {"kid": found.mean, "kid_sd": found.sd}


def _manifold(real: Features, fake: Features, samples: Samples) -> Mapping[str, float]:
    device = samples.device
    near = precision_recall(real, fake, k=NEAREST_PRECISION, place=Place(device, half=True))
    some = (features[:MOST_FOR_DENSITY] for features in (real, fake))
    spread = density_coverage(*some, k=NEAREST_DENSITY, place=Place(device))
    return {
        "precision": near.precision,
        "recall": near.recall,
        "density": spread.density,
        "coverage": spread.coverage,
    }


def _inception_score(samples: Samples) -> Mapping[str, float]:
    check_features(samples.fake, at_least=SPLITS, what="fake images")
    parts = [
        samples.detector.probabilities(torch.from_numpy(rows).to(samples.device)).cpu().numpy()
        for start in range(0, len(samples.fake), ROWS_OF_PROBABILITIES)
        if len(rows := np.array(samples.fake[start : start + ROWS_OF_PROBABILITIES]))
    ]
    score = inception_score(np.concatenate(parts))
    return {"is_mean": score.mean, "is_std": score.std}
