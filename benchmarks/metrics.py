"""Metrics from features, ours and peers': `python -m benchmarks.metrics -o metrics.json`.

Every contender gets the same synthetic features in memory; their values are compared, too. Times
are CPU times, so set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from unittest.mock import MagicMock

import numpy as np
import torch

from benchmarks.cases import environment
from stylegan_cli.metrics.fid import frechet_distance, moments
from stylegan_cli.metrics.inception_score import inception_score
from stylegan_cli.metrics.kid import kernel_distance
from stylegan_cli.metrics.precision_recall import precision_recall

IMAGES, CLASSES = 2_000, 1_008
DIMS = {"fid": 2_048, "kid": 2_048, "precision": 4_096}
Contenders = dict[str, Callable[[], float]]
"""Everyone who computes a number, ours first."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, write JSON."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    results = [_asked(name, each, options.rounds) for name, each in questions()]
    for found in results:
        times = f"times over ours {found['ratios']}, values {found['values']}"
        sys.stdout.write(f"{found['name']}: {times}\n")
    if options.output:
        written = {"environment": environment("default"), "images": IMAGES, "results": results}
        options.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def questions() -> Iterator[tuple[str, Contenders]]:
    """Yield every metric of features with its contenders."""
    peer = _torch_fidelity()

    def with_peer(name: str, own: Contenders, *tensors: torch.Tensor) -> tuple[str, Contenders]:
        return name, own | ({"torch-fidelity": partial(peer[name], *tensors)} if peer else {})

    real, fake = (_features(DIMS["fid"], seed) for seed in range(2))
    tensors = [torch.from_numpy(each) for each in (real, fake)]
    own: Contenders = {
        "ours": lambda: frechet_distance(moments(real), moments(fake)),
        "scipy sqrtm": partial(_sqrtm, real, fake),
    }
    yield with_peer("fid", own, *tensors)
    yield with_peer("kid", {"ours": lambda: kernel_distance(real, fake)[0]}, *tensors)
    long, short = (_features(DIMS["precision"], seed) for seed in range(2))
    own = {
        "ours": lambda: precision_recall(long, short)[0],
        "scikit-learn": partial(_neighbours, long, short),
    }
    yield with_peer("precision", own, *(torch.from_numpy(each) for each in (long, short)))
    drawn = np.random.RandomState(2).randn(IMAGES, CLASSES).astype(np.float32)
    logits = torch.from_numpy(3 * drawn)
    yield with_peer("is", {"ours": lambda: inception_score(logits.softmax(1).numpy())[0]}, logits)


def _asked(question: str, contenders: Contenders, rounds: int) -> dict[str, object]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    values = {}
    for number in range(rounds):
        for name, value in contenders.items():
            sys.stderr.write(f"{question}: {name}, round {number + 1} of {rounds}\n")
            began = time.process_time()
            values[name] = value()
            seconds[name].append(time.process_time() - began)
    ours = median(seconds["ours"])
    ratios = {name: round(median(samples) / ours, 2) for name, samples in seconds.items()}
    return {"name": question, "values": values, "ratios": ratios, "seconds": seconds}


def _features(dim: int, seed: int) -> np.ndarray:
    """Draw positive, correlated float32 features like a detector's; fakes vary a little less."""
    random, mixing = np.random.RandomState(seed), np.random.RandomState(9).randn(dim, dim)
    drawn = (1 - 0.015 * seed) * random.randn(IMAGES, dim) * np.logspace(0, -2, dim)
    return np.abs(drawn @ mixing / np.sqrt(dim)).astype(np.float32)


def _sqrtm(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the Fréchet distance in its usual form."""
    from scipy.linalg import sqrtm

    a, b = (np.cov(each.astype(np.float64), rowvar=False) for each in (real, fake))
    shift = real.mean(0, dtype=np.float64) - fake.mean(0, dtype=np.float64)
    return float(shift @ shift + np.trace(a + b) - 2 * np.trace(sqrtm(a @ b)).real)


def _neighbours(real: np.ndarray, fake: np.ndarray) -> float:
    """Return precision by scikit-learn's search; recall costs the same again, as in ours."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    reach = [
        NearestNeighbors(n_neighbors=4, algorithm="brute").fit(each).kneighbors(each)[0][:, 3]
        for each in (real, fake)
    ]
    between = pairwise_distances(fake, real)
    (between <= reach[1][:, None]).any(0).mean()
    return float((between <= reach[0]).any(1).mean())


def _torch_fidelity() -> dict[str, Callable[..., float]]:
    """Return metrics of torch-fidelity 0.4, without its detectors; none if not installed."""
    for part in ("", ".datasets", ".transforms", ".transforms.functional"):
        sys.modules.setdefault(f"torchvision{part}", MagicMock())
    try:
        from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc
    except ImportError:
        sys.stderr.write("torch-fidelity is not installed: left out\n")
        return {}

    def fid(*features: torch.Tensor) -> dict[str, float]:
        statistics = (metric_fid.fid_features_to_statistics(each) for each in features)
        found: dict[str, float] = metric_fid.fid_statistics_to_metric(*statistics, False)
        return found

    of_kid = {"kid_subsets": 100, "kid_subset_size": 1000, "verbose": False}
    of_prc = {"prc_neighborhood": 3, "verbose": False}
    metrics: dict[str, Callable[..., dict[str, float]]] = {
        "fid": fid,
        "kid": partial(metric_kid.kid_features_to_metric, **of_kid),
        # it measures its first argument
        "precision": lambda real, fake: metric_prc.prc_features_to_metric(fake, real, **of_prc),
        "is": partial(metric_isc.isc_features_to_metric, splits=10, shuffle=False),
    }

    def first(metric: Callable[..., dict[str, float]], *given: torch.Tensor) -> float:
        return float(next(iter(metric(*given).values())))

    return {name: partial(first, metric) for name, metric in metrics.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="timings of each [3]")
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
