"""Precision and recall, density and coverage: images within the reach of others' neighbourhoods.

Kynkäänniemi et al. 2019; Naeem et al. 2020. Distances are taken in blocks, in float64: a matrix of
all of them is never held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.metrics.statistics import Features

ROWS, COLUMNS = 1024, 8192
ROUNDING = 1e-13
"""Squared distances below this part of the squared lengths are those of equal points."""


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """Share of fakes near reals, and of reals near fakes."""

    precision: float
    recall: float


@dataclass(frozen=True, kw_only=True)
class DensityCoverage:
    """How many reals' neighbourhoods hold a fake, over k; and the share that hold any."""

    density: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """For each point, the nearest of others, the nearest first."""

    indices: np.ndarray
    distances: Float64[np.ndarray, "n count"]


def precision_recall(
    real: Features, fake: Features, *, k: int = 3, device: torch.device | None = None
) -> PrecisionRecall:
    """Shares within the distance to the k-th nearest other point of the same set, itself included.

    Args:
        real: More than k rows.
        fake: More than k rows.
    """
    real_reach, fake_reach = reach(real, k, device=device), reach(fake, k, device=device)
    covered_fake = np.zeros(len(fake), bool)
    covered_real = np.zeros(len(real), bool)
    for rows, columns, distances in _distance_blocks(fake, real, device):
        covered_fake[rows] |= (distances <= real_reach[columns]).any(dim=1).cpu().numpy()
        covered_real[columns] |= (
            (distances <= fake_reach[rows].unsqueeze(1)).any(dim=0).cpu().numpy()
        )
    return PrecisionRecall(precision=float(covered_fake.mean()), recall=float(covered_real.mean()))


def density_coverage(
    real: Features, fake: Features, *, k: int = 5, device: torch.device | None = None
) -> DensityCoverage:
    """Fakes strictly within the distance from a real to its k-th nearest other real.

    Args:
        real: More than k rows.
        fake: At least one row.
    """
    real_reach = reach(real, k, device=device)
    held, covered = 0, np.zeros(len(real), bool)
    for _, columns, distances in _distance_blocks(fake, real, device):
        inside = distances < real_reach[columns]
        held += int(inside.sum())
        covered[columns] |= inside.any(dim=0).cpu().numpy()
    return DensityCoverage(density=held / (k * len(fake)), coverage=float(covered.mean()))


def reach(points: Features, k: int, *, device: torch.device | None = None) -> Tensor:
    """Distance of each point to its k-th nearest other one, float64, on the device."""
    nearest = _smallest(points, points, k + 1, device)
    # the point itself is the nearest
    return torch.cat([distances[:, k] for distances, _ in nearest])


def neighbours(
    points: Features, others: Features, count: int, *, device: torch.device | None = None
) -> Neighbours:
    """The nearest `count` of others for each point."""
    distances, indices = zip(*_smallest(points, others, count, device), strict=True)
    return Neighbours(
        indices=torch.cat(indices).cpu().numpy(), distances=torch.cat(distances).cpu().numpy()
    )


def _smallest(
    points: Features, others: Features, count: int, device: torch.device | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The smallest distances of a block of points, ascending, and to which others they are."""
    for _, row in groupby(_distance_blocks(points, others, device), key=lambda block: block[0]):
        found, indices = [], []
        for _, columns, distances in row:
            nearest = distances.topk(min(count, distances.shape[1]), largest=False)
            found.append(nearest.values)
            indices.append(nearest.indices + columns.start)
        values, order = torch.cat(found, 1).topk(count, largest=False)
        yield values, torch.cat(indices, 1).gather(1, order)


def _distance_blocks(
    points: Features, others: Features, device: torch.device | None
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Euclidean distances `[rows, columns]`, row block by row block."""
    for row in range(0, len(points), ROWS):
        rows = slice(row, min(row + ROWS, len(points)))
        a = _tensor(points[rows], device)
        for column in range(0, len(others), COLUMNS):
            columns = slice(column, min(column + COLUMNS, len(others)))
            yield rows, columns, _distances(a, _tensor(others[columns], device))


def _distances(a: Tensor, b: Tensor) -> Tensor:
    lengths = a.square().sum(1, keepdim=True) + b.square().sum(1)
    squared = torch.addmm(lengths, a, b.T, alpha=-2)
    return torch.where(squared > ROUNDING * lengths, squared, 0).sqrt_()


def _tensor(features: Features, device: torch.device | None) -> Tensor:
    return torch.from_numpy(features.astype(np.float64)).to(device or "cpu")
