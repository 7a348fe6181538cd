"""Which image stands at each position of the endless training stream.

Position p lies in epoch p // n; every epoch is a new permutation of the n images. Nothing is
carried along, so a run that resumes at any position sees what it would have seen.
"""

from dataclasses import dataclass

import numpy as np

from stylegan_cli.runtime import numpy_stream


@dataclass(frozen=True, kw_only=True)
class Pick:
    index: int
    mirrored: bool


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
