"""Which image stands at each position of the endless training stream.

Position p lies in epoch p // n; every epoch is a new permutation of the n images, or of those of a
class. Nothing is carried along, so a run that resumes at any position sees what it would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from stylegan_cli.runtime import numpy_stream, stream_seed


@dataclass(frozen=True, kw_only=True)
class Pick:
    index: int
    mirrored: bool


@runtime_checkable
class Stream(Protocol):
    """Endless, and the same whatever was picked before."""

    def pick(self, position: int) -> Pick: ...


class Sampler:
    """The training stream over `length` images.

    Args:
        mirror: Flip each image of the stream left to right with probability ½.
    """

    def __init__(self, length: int, *, seed: int, mirror: bool) -> None:
        self._length = length
        self._seed = seed
        self._mirror = mirror
        self._epoch = -1

    def pick(self, position: int) -> Pick:
        """The image at a position; going through positions in order is fast."""
        epoch, place = divmod(position, self._length)
        if epoch != self._epoch:
            self._draw(epoch)
        return Pick(index=int(self._order[place]), mirrored=bool(self._flips[place]))

    def _draw(self, epoch: int) -> None:
        self._order = numpy_stream(self._seed, "epoch", epoch).permutation(self._length)
        self._flips = np.zeros(self._length, bool)
        if self._mirror:
            self._flips = numpy_stream(self._seed, "mirror", epoch).random(self._length) < 0.5
        self._epoch = epoch


class BalancedSampler:
    """The training stream that shows every class equally often, in blocks of one image of each.

    Within a class, images come in epochs of their own.

    Args:
        members: Images of each class, by number; none is empty.
        mirror: As in `Sampler`.
    """

    def __init__(self, members: Sequence[Sequence[int]], *, seed: int, mirror: bool) -> None:
        self._members = members
        self._seed = seed
        self._samplers = [
            Sampler(len(images), seed=stream_seed(seed, "class", number), mirror=mirror)
            for number, images in enumerate(members)
        ]
        self._block = -1

    def pick(self, position: int) -> Pick:
        """The image at a position; going through positions in order is fast."""
        block, place = divmod(position, len(self._members))
        if block != self._block:
            self._order = numpy_stream(self._seed, "block", block).permutation(len(self._members))
            self._block = block
        number = int(self._order[place])
        pick = self._samplers[number].pick(block)
        return replace(pick, index=int(self._members[number][pick.index]))
