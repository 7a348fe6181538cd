"""Metrics from features, ours and peers': `python -m benchmarks.metrics -o metrics.json`.

Every contender gets the same synthetic features in memory; their values are compared, too. Times
are CPU times, so set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
Values = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One number and everyone who computes it, ours first."""

    name: str
    contenders: Mapping[str, Values]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, write JSON."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    results = [_asked(question, options.rounds) for question in questions()]
    for result in results:
        sys.stdout.write(_line(result))
    if options.output:
        found = {"environment": environment("default"), "images": IMAGES, "results": results}
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def questions() -> Iterator[Question]:
    """Yield every metric of features."""
    real, fake = (_features(DIMS["fid"], seed) for seed in range(2))
    tensors = [torch.from_numpy(each) for each in (real, fake)]
    peer = _torch_fidelity()
    yield Question(
        name="fid",
        contenders={
            "ours": lambda: frechet_distance(moments(real), moments(fake)),
            "scipy sqrtm": partial(_sqrtm, real, fake),
            **({"torch-fidelity": partial(peer.fid, *tensors)} if peer else {}),
        },
    )
    yield Question(
        name="kid",
        contenders={
            "ours": lambda: kernel_distance(real, fake)[0],
            **({"torch-fidelity": partial(peer.kid, *tensors)} if peer else {}),
        },
    )
    yield from _of_neighbours(peer)
    yield from _of_classes(peer)


def _of_neighbours(peer: "_TorchFidelity | None") -> Iterator[Question]:
    real, fake = (_features(DIMS["precision"], seed) for seed in range(2))
    tensors = [torch.from_numpy(each) for each in (real, fake)]
    yield Question(
        name="precision",
        contenders={
            "ours": lambda: precision_recall(real, fake)[0],
            "scikit-learn": partial(_neighbours, real, fake),
            **({"torch-fidelity": partial(peer.precision, *tensors)} if peer else {}),
        },
    )


def _of_classes(peer: "_TorchFidelity | None") -> Iterator[Question]:
    logits = 3 * np.random.RandomState(2).randn(IMAGES, CLASSES).astype(np.float32)
    tensor = torch.from_numpy(logits)
    yield Question(
        name="is",
        contenders={
            "ours": lambda: inception_score(tensor.softmax(1).numpy())[0],
            **({"torch-fidelity": partial(peer.inception_score, tensor)} if peer else {}),
        },
    )


def _asked(question: Question, rounds: int) -> dict[str, object]:
    seconds: dict[str, list[float]] = {name: [] for name in question.contenders}
    values = {}
    for number in range(rounds):
        for name, value in question.contenders.items():
            sys.stderr.write(f"{question.name}: {name}, round {number + 1} of {rounds}\n")
            began = time.process_time()
            values[name] = value()
            seconds[name].append(time.process_time() - began)
    ours = median(seconds["ours"])
    ratios = {name: round(median(samples) / ours, 2) for name, samples in seconds.items()}
    return {"name": question.name, "values": values, "ratios": ratios, "seconds": seconds}


def _line(result: Mapping[str, object]) -> str:
    return f"{result['name']}: times over ours {result['ratios']}, values {result['values']}\n"


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


class _TorchFidelity:
    """torch-fidelity 0.4 on features that are there, without its detectors."""

    def __init__(self) -> None:
        from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

        self._fid, self._isc, self._kid, self._prc = metric_fid, metric_isc, metric_kid, metric_prc

    def fid(self, real: torch.Tensor, fake: torch.Tensor) -> float:
        a, b = (self._fid.fid_features_to_statistics(each) for each in (real, fake))
        return self._first(self._fid.fid_statistics_to_metric(a, b, False))

    def kid(self, real: torch.Tensor, fake: torch.Tensor) -> float:
        found = self._kid.kid_features_to_metric(
            real, fake, kid_subsets=100, kid_subset_size=1000, verbose=False
        )
        return self._first(found)

    def precision(self, real: torch.Tensor, fake: torch.Tensor) -> float:
        # it uses the first measurement
        found = self._prc.prc_features_to_metric(fake, real, prc_neighborhood=3, verbose=False)
        return self._first(found)

    def inception_score(self, logits: torch.Tensor) -> float:
        found = self._isc.isc_features_to_metric(logits, splits=10, shuffle=False)
        return self._first(found)

    def _first(self, found: Mapping[str, float]) -> float:
        return float(next(iter(found.values())))


def _torch_fidelity() -> _TorchFidelity | None:
    """Return torch-fidelity without what only its detectors need; None if not installed."""
    for part in ("", ".datasets", ".transforms", ".transforms.functional"):
        sys.modules.setdefault(f"torchvision{part}", MagicMock())
    try:
        return _TorchFidelity()
    except ImportError:
        sys.stderr.write("torch-fidelity is not installed: left out\n")
        return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="timings of each [3]")
    parser.add_argument("-o", "--output", type=Path, help="JSON file with every sample")
    return parser


if __name__ == "__main__":
    main()
