"""The endless stream of real batches, decoded ahead in threads."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, islice
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.runtime import cores, numpy_stream, ordered_map, stream_seed
from stylegan_cli.shapes import Labels, Stored, StoredBatch
from stylegan_cli.sizes import Size


@dataclass(frozen=True, kw_only=True)
class Pick:
    index: int
    mirrored: bool


@runtime_checkable
class Stream(Protocol):
    """Endless stream of images that does not depend on what was picked before."""

    def pick(self, position: int) -> Pick: ...


class Sampler:
    """Training stream over `length` images.

    Args:
        mirror: Flip each image of the stream left to right with probability ½.
    """

    def __init__(self, length: int, *, seed: int, mirror: bool) -> None:
        self._length = length
        self._seed = seed
        self._mirror = mirror
        self._epoch = -1

    def pick(self, position: int) -> Pick:
        """Return the image at a position; going through positions in order is fast."""
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
    """Training stream that shows every class equally often, in blocks of one image of each.

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
        """Return the image at a position; going through positions in order is fast."""
        block, place = divmod(position, len(self._members))
        if block != self._block:
            self._order = numpy_stream(self._seed, "block", block).permutation(len(self._members))
            self._block = block
        number = int(self._order[place])
        pick = self._samplers[number].pick(block)
        return replace(pick, index=int(self._members[number][pick.index]))


BATCHES_AHEAD = 3
MAX_THREADS = 8
KEPT_BYTES = 2**28
"""A data set that is no larger than this at the size in use is decoded once and kept."""

T = TypeVar("T")
R = TypeVar("R")
Example = tuple[Stored, Float32[np.ndarray, " c_dim"]]


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """Size of a batch and of its images.

    Attributes:
        count: Images over all processes.
        size: Of each image, that of the data set or halved some times.
    """

    count: int
    size: Size


@dataclass(frozen=True, kw_only=True)
class RealBatch:
    """This process's share of one batch of real images."""

    pixels: StoredBatch
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """This process's share of consecutive batches of one shape.

    Attributes:
        size: Of the images.
        share: Images of each batch.
        picks: Those of all batches, in order; to be used up before the next stretch is taken.
    """

    size: Size
    share: int
    picks: Iterator[Pick]


def stretches(
    shape_at: Callable[[int], BatchShape],
    stream: Stream,
    *,
    start: int,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[Stretch]:
    """Cut the stream of images into batches of consecutive positions; the last stretch never ends.

    Position p of a batch goes to the process of rank (p − first position) mod world_size, so the
    stream is the same for every number of processes and every start.

    Args:
        shape_at: Shape of the batch whose first image stands at this position.
        stream: Which image stands where.
        start: Images shown before, from which a resumed run continues.
    """
    # each shape decodes ahead as many images as suit it
    for shape, same in groupby(_cuts(shape_at, start), key=lambda cut: cut[1]):
        picks = (
            stream.pick(position)
            for first, _ in same
            for position in range(first + rank, first + shape.count, world_size)
        )
        share = len(range(rank, shape.count, world_size))
        yield Stretch(size=shape.size, share=share, picks=picks)


def decoded_batches(dataset: Dataset, stretch: Stretch) -> Generator[RealBatch, None, None]:
    """Yield the batches of a stretch."""

    def read(index: int) -> Example:
        return read_at(dataset, index, stretch.size)

    # a small data set is decoded once and kept
    if stored_bytes(dataset, stretch.size) <= KEPT_BYTES:
        read = cache(read)

    def turned(pick: Pick) -> Example:
        pixels, label = read(pick.index)
        return (pixels[:, ::-1] if pick.mirrored else pixels), label

    images = ahead(stretch, turned, stretch.picks)
    try:
        while batch := list(islice(images, stretch.share)):
            pixels, labels = zip(*batch, strict=True)
            yield RealBatch(pixels=np.stack(pixels), labels=np.stack(labels))
    finally:
        images.close()


def ahead(
    stretch: Stretch, work: Callable[[T], R], things: Iterable[T]
) -> Generator[R, None, None]:
    """Yield the results of work on images of a stretch, computed a few batches ahead."""
    workers = min(cores(), MAX_THREADS)
    return ordered_map(work, things, workers=workers, ahead=BATCHES_AHEAD * stretch.share)


def read_at(dataset: Dataset, index: int, size: Size) -> Example:
    """Return an image by its number, at this size, and its label."""
    pixels, label = dataset.read(index)
    return _shrink(pixels, size), label


def stored_bytes(dataset: Dataset, size: Size) -> int:
    """Return the bytes of all images, decoded, at this size."""
    first, _ = dataset.read(0)
    return len(dataset) * size.area * int(first.shape[2]) * first.itemsize


def _cuts(shape_at: Callable[[int], BatchShape], position: int) -> Iterator[tuple[int, BatchShape]]:
    while True:
        shape = shape_at(position)
        yield position, shape
        position += shape.count


def _shrink(
    pixels: Stored, size: Size
) -> Shaped[np.ndarray, "{size.height} {size.width} channels"]:
    """Average the pixels under each pixel of the smaller picture, rounding once."""
    count = (len(pixels) // size.height) ** 2
    if count == 1:
        return pixels
    # sums of bytes are exact in float32 up to 1024 px to 4
    sums = pixels.astype(np.float32)
    while len(sums) > size.height:
        sums = sums[0::2] + sums[1::2]
        sums = sums[:, 0::2] + sums[:, 1::2]
    means = sums / count
    return (np.rint(means) if pixels.dtype == np.uint8 else means).astype(pixels.dtype)
