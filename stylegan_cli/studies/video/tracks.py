"""Tracks of a video: what changes from keyframe to keyframe, and swings along directions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter

import numpy as np

from stylegan_cli.directions.direction import Direction, Move, moved_codes
from stylegan_cli.directions.population import population
from stylegan_cli.directions.references import DirectionPick, open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, each_column, join_codes
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import Sampling, check_moves, check_possible
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.studies.mixing import check_crossovers

HALVES = 2
"""Keyframes of each direction, all of them the same still: before either side."""


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """Content of a video at its keyframes; a single value holds throughout.

    Attributes:
        seeds: Seeds, or codes in files, dealt to the streams in turn: the first keyframe of
            every stream, then the second of every stream, and so on.
        style_seeds: A second track, dealt alike, that the layers from the crossover on follow.
        crossover: First layer that follows the second track, at each keyframe; in between, the
            layers change over one after the other. The middle layer by default.
        classes: Name or index of the class at each keyframe; the first class by default.
        labels: A label at each keyframe instead, as of `Sampling`.
        cutoff: Truncate only layers [0, cutoff); None truncates all.
        translate: Shift of pictures right and down at each keyframe, in image widths.
        rotate: Rotation at each keyframe in degrees, counter-clockwise.
        noise_mode: "random" moves from the noise of one keyframe's seed to that of the next.
        directions: Along which a seed of each stream swings, one after another.
        strength: Steps to either side, times those of each direction.
    """

    seeds: Sequence[Pick]
    style_seeds: Sequence[Pick] = ()
    crossover: Sequence[int] = ()
    psi: Sequence[float] = (1.0,)
    classes: Sequence[str] = ()
    labels: Sequence[str] = ()
    cutoff: int | None = None
    translate: Sequence[tuple[float, ...]] = ((0.0, 0.0),)
    rotate: Sequence[float] = (0.0,)
    noise_mode: NoiseMode = "const"
    directions: Sequence[DirectionPick] = ()
    strength: float = 3.0

    @property
    def ways(self) -> tuple[Sampling, ...]:
        """Return the class or label at each keyframe; one that holds throughout stands alone."""
        if self.classes and self.labels:
            raise UsageError("`class` and `label`: a class is a label; give one of them")
        if self.labels:
            return tuple(Sampling(label=text) for text in self.labels)
        return tuple(Sampling(class_name=name) for name in self.classes or (None,))


def check_tracks(network: Network, tracks: Tracks) -> None:
    """Raise a `UsageError` if the network cannot show these tracks."""
    sizes = network.sizes
    for psi in tracks.psi:
        check_possible(
            network, Sampling(psi=psi, cutoff=tracks.cutoff, noise_mode=tracks.noise_mode)
        )
    check_moves(network, any(map(any, tracks.translate)), any(tracks.rotate))
    if tracks.crossover and not tracks.style_seeds:
        raise UsageError(
            "there is no second track to cross over to; name its seeds with `style_seeds`",
            parameter="crossover",
            value=tracks.crossover[0],
        )
    if tracks.style_seeds and not sizes.has_styles:
        raise UsageError(
            "this network has one code for all layers, so there are no styles to "
            "mix; leave `style_seeds` out",
            parameter="style_seeds",
        )
    check_crossovers(sizes, tracks.crossover)


def common_length(lengths: Mapping[str, int]) -> int:
    """Return the number of keyframes that the tracks agree on.

    Args:
        lengths: Of each track, by its parameter; a track of one holds throughout.
    """
    count = max(lengths.values())
    for parameter, length in lengths.items():
        if length not in (1, count):
            raise UsageError(
                f"{length} keyframes, where the longest track has {count}; "
                f"give one, which holds throughout, or {count}",
                parameter=parameter,
            )
    if count < 2:
        raise UsageError(
            "only one keyframe for each picture, and a video goes from one to the next; "
            "give at least two",
            parameter="seeds",
        )
    return count


@dataclass(frozen=True, kw_only=True)
class Swing:
    """Directions, and how far codes go along each: out and back, then to the other side.

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
            self._one(each_column(codes, itemgetter(slice(i, i + 1))), keyframe, share)
            for i, (keyframe, share) in enumerate(zip(keyframes, shares, strict=True))
        ]
        return join_codes(rows)

    def _one(self, codes: Codes, keyframe: int, share: float) -> Codes:
        number, half = divmod(keyframe, HALVES)
        steps = self.strengths[number] * float(np.sin(np.pi * (half + share)))
        move = Move(self.directions[number], steps)
        return replace(moved_codes(self.network, codes, [move], self.sampling), z=None)


def open_swing(
    network: Network, picks: Sequence[DirectionPick], strength: float, sampling: Sampling
) -> Swing:
    """Open the swing along the directions of files."""
    drawn = partial(population, network)
    return Swing(
        network=network,
        directions=tuple(open_direction(network, pick, drawn) for pick in picks),
        strengths=tuple(strength * pick.steps for pick in picks),
        sampling=sampling,
    )
