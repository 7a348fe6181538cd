"""The endless stream of real batches, decoded ahead in threads."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from jaxtyping import Float32

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.sampler import Pick, Sampler
from stylegan_cli.shapes import Labels, Picture, Pixels

BATCHES_AHEAD = 3
MAX_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class RealBatch:
    """This process's share of one batch of real images."""

    pixels: Pixels
    labels: Labels


def real_batches(
    dataset: Dataset,
    *,
    seed: int,
    start: int,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    mirror: bool = False,
) -> Iterator[RealBatch]:
    """Batches without end; batch k holds stream positions start + k · batch_size and on.

    Position p of a batch goes to the process of rank (p − first position) mod world_size, so the
    stream is the same for every number of processes and every start.

    Args:
        start: Images shown before: where a resumed run goes on.
        batch_size: Images of a batch over all processes.

    Raises:
        DataError: An image cannot be read; names it.
    """
    sampler = Sampler(len(dataset), seed=seed, mirror=mirror)
    share = len(range(rank, batch_size, world_size))
    picks = (
        sampler.pick(position)
        for first in count(start, batch_size)
        for position in range(first + rank, first + batch_size, world_size)
    )
    images = ordered_map(
        lambda pick: _read(dataset, pick),
        picks,
        workers=min(usual_workers(), MAX_THREADS),
        ahead=BATCHES_AHEAD * share,
    )
    try:
        while True:
            pixels, labels = zip(*islice(images, share), strict=True)
            yield RealBatch(pixels=np.stack(pixels), labels=np.stack(labels))
    finally:
        images.close()


def _read(dataset: Dataset, pick: Pick) -> tuple[Picture, Float32[np.ndarray, " c_dim"]]:
    pixels, label = dataset.read(pick.index)
    return (pixels[:, ::-1] if pick.mirrored else pixels), label
