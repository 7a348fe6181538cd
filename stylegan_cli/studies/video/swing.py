"""Swings along directions: out and back to one side, then to the other, one after another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from stylegan_cli.directions.direction import Direction, Move, moved_codes
from stylegan_cli.directions.population import population
from stylegan_cli.directions.references import DirectionPick, open_direction
from stylegan_cli.latents.codes import Codes, each_column, join_codes
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.networks.snapshot import Network

HALVES = 2
"""Keyframes of each direction, all of them the same still: before either side."""


@dataclass(frozen=True, kw_only=True)
class Swing:
    """Directions, and how far codes go along each.

    Attributes:
        strengths: Steps to either side, one number for each direction.
    """

    network: Network
    directions: tuple[Direction, ...]
    strengths: tuple[float, ...]
    sampling: Sampling

    def moved(self, codes: Codes, keyframes: Sequence[int], shares: Sequence[float]) -> Codes:
        """Move codes at rest, each as far as it is between its keyframes.

        strength · sin 2πt, t from 0 to 1 over both sides, so that it starts and ends at rest.
        """
        rows = [
            self._one(each_column(codes, lambda v, i=i: v[i : i + 1]), keyframe, share)  # type: ignore[misc]
            for i, (keyframe, share) in enumerate(zip(keyframes, shares, strict=True))
        ]
        return join_codes(rows)

    def _one(self, codes: Codes, keyframe: int, share: float) -> Codes:
        number, half = divmod(keyframe, HALVES)
        steps = self.strengths[number] * float(np.sin(np.pi * (half + share)))
        move = Move(self.directions[number], steps)
        moved = moved_codes(self.network, codes, [move], self.sampling)
        if moved.style_offsets is None and any(each.space == "s" for each in self.directions):
            channels = next(len(each.vector) for each in self.directions if each.space == "s")
            moved = replace(moved, style_offsets=np.zeros((1, channels), np.float32))
        return replace(moved, z=None)


def open_swing(
    network: Network, picks: Sequence[DirectionPick], strength: float, sampling: Sampling
) -> Swing:
    """Open the swing along the directions of files.

    Raises:
        UsageError: A file holds no such direction of this network.
        DataError: A file is missing or damaged.
    """
    drawn = partial(population, network)
    return Swing(
        network=network,
        directions=tuple(open_direction(network, pick, drawn) for pick in picks),
        strengths=tuple(strength * (1.0 if pick.factor is None else pick.factor) for pick in picks),
        sampling=sampling,
    )
