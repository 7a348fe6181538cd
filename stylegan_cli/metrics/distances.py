"""Distances among features, in blocks and in float64: a matrix of all is never held."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.metrics.statistics import Features

ROWS, COLUMNS = 1024, 8192
ROUNDING = 1e-13
"""Points whose squared distance is below this share of the squared lengths are equal."""


@dataclass(frozen=True)
class Place:
    """The device that computes distances, and the precision of the features.

    Attributes:
        half: Round features to float16 first, as the originals do.
    """

    device: torch.device
    _: KW_ONLY
    half: bool = False


PLAIN = Place(torch.device("cpu"))


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest others of each point, the nearest first."""

    indices: np.ndarray
    distances: Float64[np.ndarray, "n count"]


def reach(points: Features, k: int, *, place: Place = PLAIN) -> Tensor:
    """Return the distance of each point to its k-th nearest other one, float64, on the device."""
    nearest = _smallest(points, points, k + 1, place)
    # the nearest point is the point itself
    return torch.cat([distances[:, k] for distances, _ in nearest])


def neighbours(
    points: Features, others: Features, count: int, *, place: Place = PLAIN
) -> Neighbours:
    """Return the nearest `count` of others for each point."""
    distances, indices = zip(*_smallest(points, others, count, place), strict=True)
    return Neighbours(
        indices=torch.cat(indices).cpu().numpy(), distances=torch.cat(distances).cpu().numpy()
    )


def _smallest(
    points: Features, others: Features, count: int, place: Place
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the smallest distances of a block of points, ascending, and the others' numbers."""
    for _, row in groupby(distance_blocks(points, others, place), key=lambda block: block[0]):
        found, indices = [], []
        for _, columns, distances in row:
            nearest = distances.topk(min(count, distances.shape[1]), largest=False)
            found.append(nearest.values)
            indices.append(nearest.indices + columns.start)
        values, order = torch.cat(found, 1).topk(count, largest=False)
        yield values, torch.cat(indices, 1).gather(1, order)


def distance_blocks(
    points: Features, others: Features, place: Place
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield Euclidean distances `[rows, columns]`, row block by row block."""
    for row in range(0, len(points), ROWS):
        rows = slice(row, min(row + ROWS, len(points)))
        a = _tensor(points[rows], place)
        for column in range(0, len(others), COLUMNS):
            columns = slice(column, min(column + COLUMNS, len(others)))
            yield rows, columns, _distances(a, _tensor(others[columns], place))


def _distances(a: Tensor, b: Tensor) -> Tensor:
    lengths = a.square().sum(1, keepdim=True) + b.square().sum(1)
    squared = torch.addmm(lengths, a, b.T, alpha=-2)
    return torch.where(squared > ROUNDING * lengths, squared, 0).sqrt_()


def _tensor(features: Features, place: Place) -> Tensor:
    rounded = features.astype(np.float16) if place.half else features
    return torch.from_numpy(rounded.astype(np.float64)).to(place.device)
