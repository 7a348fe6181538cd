"""Distances among features, in blocks and in float64: a matrix of all is never held.

With `half`, features are rounded to float16 first, as the originals do.
"""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from stylegan_cli.metrics.metric import Features

CPU = torch.device("cpu")
ROWS, COLUMNS = 1024, 8192
ROUNDING = 1e-13
"""Points whose squared distance is below this share of the squared lengths are equal."""


def reach(points: Features, k: int, *, device: torch.device = CPU, half: bool = False) -> Tensor:
    """Return the distance of each point to its k-th nearest other one, float64, on the device."""
    nearest = _smallest(points, points, k + 1, device, half)
    # the nearest point is the point itself
    return torch.cat([distances[:, k] for distances, _ in nearest])


def neighbours(
    points: Features, others: Features, count: int, *, device: torch.device = CPU
) -> tuple[Int64[np.ndarray, "n count"], Float64[np.ndarray, "n count"]]:
    """Return the numbers of the nearest `count` others of each point, and their distances."""
    distances, indices = zip(*_smallest(points, others, count, device, False), strict=True)
    return torch.cat(indices).cpu().numpy(), torch.cat(distances).cpu().numpy()


def _smallest(
    points: Features, others: Features, count: int, device: torch.device, half: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the smallest distances of a block of points, ascending, and the others' numbers."""
    for _, row in groupby(
        distance_blocks(points, others, device, half), key=lambda block: block[0]
    ):
        found, indices = [], []
        for _, columns, distances in row:
            nearest = distances.topk(min(count, distances.shape[1]), largest=False)
            found.append(nearest.values)
            indices.append(nearest.indices + columns.start)
        values, order = torch.cat(found, 1).topk(count, largest=False)
        yield values, torch.cat(indices, 1).gather(1, order)


def distance_blocks(
    points: Features, others: Features, device: torch.device = CPU, half: bool = False
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield Euclidean distances `[rows, columns]`, row block by row block."""
    for row in range(0, len(points), ROWS):
        rows = slice(row, min(row + ROWS, len(points)))
        a = _tensor(points[rows], device, half)
        for column in range(0, len(others), COLUMNS):
            columns = slice(column, min(column + COLUMNS, len(others)))
            yield rows, columns, _distances(a, _tensor(others[columns], device, half))


def _distances(a: Tensor, b: Tensor) -> Tensor:
    lengths = a.square().sum(1, keepdim=True) + b.square().sum(1)
    squared = torch.addmm(lengths, a, b.T, alpha=-2)
    return torch.where(squared > ROUNDING * lengths, squared, 0).sqrt_()


def _tensor(features: Features, device: torch.device, half: bool) -> Tensor:
    rounded = features.astype(np.float16) if half else features
    return torch.from_numpy(rounded.astype(np.float64)).to(device)
