"""Directions side by side: which are the same, which have nothing in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from stylegan_cli.directions.direction import Direction
from stylegan_cli.directions.file import read_directions
from stylegan_cli.directions.population import Population, population
from stylegan_cli.directions.references import HDF5_SUFFIXES, DirectionPick, open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.networks.snapshot import Network


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Cosines of directions, where the network's codes are spread alike in all directions."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cosines: Float64[np.ndarray, "rows columns"]


def compare_directions(network: Network, one: DirectionPick, other: DirectionPick) -> Comparison:
    """Compare each direction of a file, or of a group in it, with each of another.

    Raises:
        UsageError: There are no such directions, or they are of different spaces.
        DataError: A file is missing or damaged.
    """
    drawn = partial(population, network)
    rows, columns = (_all(network, pick, drawn) for pick in (one, other))
    spaces = {each.space for each in (*rows, *columns)}
    if len(spaces) > 1 or spaces == {"s"}:
        raise UsageError(
            f"directions in {' and '.join(sorted(spaces))}; only those of one space, w or z, "
            "can be compared"
        )
    a, b = (np.stack([_white(drawn(), each) for each in side]) for side in (rows, columns))
    return Comparison(
        rows=tuple(each.name for each in rows),
        columns=tuple(each.name for each in columns),
        cosines=a @ b.T,
    )


def _all(
    network: Network, pick: DirectionPick, drawn: Callable[[], Population]
) -> Sequence[Direction]:
    if pick.path.suffix.lower() in HDF5_SUFFIXES:
        return read_directions(pick.path, pick.name)
    return (open_direction(network, pick, drawn),)


def _white(drawn: Population, direction: Direction) -> Float64[np.ndarray, " dim"]:
    vector = direction.unit
    if direction.space == "w":
        vector = drawn.whitened(vector)
    return np.asarray(vector / np.linalg.norm(vector))
