"""Training data: the data set of a recipe, and the order in which a run shows it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.data.loader import (
    BalancedSampler,
    Pick,
    RealBatch,
    Sampler,
    Stream,
    Stretch,
    ahead,
    decoded_batches,
    read_at,
    stored_bytes,
)
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import ordered_map, upload
from stylegan_cli.shapes import C, Stored
from stylegan_cli.sizes import Size


def stream_of(recipe: Settled, dataset: Dataset) -> Stream:
    """Return the order in which a run shows the images of the data set."""
    seed, mirror = recipe.seed, recipe.data.mirror
    if recipe.data.balance:
        return BalancedSampler(dataset.members(), seed=seed, mirror=mirror)
    return Sampler(len(dataset), seed=seed, mirror=mirror)


def borrowed_labels(
    recipe: Settled, dataset: Dataset, device: torch.device
) -> Callable[[Sequence[int]], C]:
    """Return a map from seeds to labels for fakes, distributed as those of the images shown."""
    donors: Sequence[int] = range(len(dataset))
    if recipe.data.balance:
        donors = [images[0] for images in dataset.members()]

    def labels(seeds: Sequence[int]) -> C:
        rows = [dataset.label(donors[seed % len(donors)]) for seed in seeds]
        return upload(torch.from_numpy(np.stack(rows)), device)

    return labels


FREE_SHARE = 1 / 3
"""Share of a GPU's free memory up to which a data set is kept there."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """This process's share of one batch of real images, on its device."""

    pixels: Shaped[Tensor, "n height width channels"]
    labels: C


def batches_on(
    device: torch.device, dataset: Dataset, stretches: Iterable[Stretch]
) -> Iterator[Batch]:
    """Yield the batches of all stretches."""
    for stretch in stretches:
        keep = device.type == "cuda" and stored_bytes(dataset, stretch.size) <= (
            torch.cuda.mem_get_info(device)[0] * FREE_SHARE
        )
        yield from (resident if keep else streamed)(device, dataset, stretch)


def streamed(device: torch.device, dataset: Dataset, stretch: Stretch) -> Iterator[Batch]:
    """Yield batches decoded ahead; for a GPU, a thread pins them, so that copies do not wait."""
    with closing(decoded_batches(dataset, stretch)) as decoded:
        batches: Iterator[tuple[Tensor, Tensor]] = map(_tensors, decoded)
        if device.type == "cuda":
            batches = ordered_map(_pinned, batches, workers=1, ahead=2)
        for pixels, labels in batches:
            yield Batch(
                pixels=pixels.to(device, non_blocking=True),
                labels=labels.to(device, non_blocking=True),
            )


def resident(device: torch.device, dataset: Dataset, stretch: Stretch) -> Iterator[Batch]:
    """Yield batches of images that stay on the device once they have been shown."""
    store = _Store(device, dataset, stretch.size)
    seen: set[int] = set()

    def take(pick: Pick) -> tuple[Pick, bool]:
        is_new = pick.index not in seen
        seen.add(pick.index)
        return pick, is_new

    def read(taken: tuple[Pick, bool]) -> _Taken:
        pick, is_new = taken
        return pick, read_at(dataset, pick.index, stretch.size)[0] if is_new else None

    with closing(ahead(stretch, read, map(take, stretch.picks))) as images:
        while batch := list(islice(images, stretch.share)):
            yield store.gather(batch)


_Taken = tuple[Pick, Stored | None]
"""An image of a batch, with its pixels if they are not in the store yet."""


class _Store:
    """Images of a data set at one size that have been shown so far."""

    def __init__(self, device: torch.device, dataset: Dataset, size: Size) -> None:
        first = torch.from_numpy(dataset.read(0)[0])
        shape = len(dataset), *size.shape, first.shape[2]
        self._pixels = torch.empty(shape, dtype=first.dtype, device=device)
        self._dataset = dataset

    def gather(self, batch: list[_Taken]) -> Batch:
        """Return a batch; its new images are put into the store."""
        new = {pick.index: pixels for pick, pixels in batch if pixels is not None}
        if new:
            pixels = torch.from_numpy(np.stack(list(new.values())))
            self._pixels.index_copy_(0, self._up(list(new)), upload(pixels, self._pixels.device))
        picks = [pick for pick, _ in batch]
        images = self._pixels.index_select(0, self._up([pick.index for pick in picks]))
        mirrored = self._up([pick.mirrored for pick in picks])[:, None, None, None]
        labels = np.stack([self._dataset.label(pick.index) for pick in picks])
        return Batch(
            pixels=torch.where(mirrored, images.flip(2), images),
            labels=upload(torch.from_numpy(labels), self._pixels.device),
        )

    def _up(self, values: list[int] | list[bool]) -> Tensor:
        return upload(torch.tensor(values), self._pixels.device)


def _tensors(batch: RealBatch) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(batch.pixels), torch.from_numpy(batch.labels)


def _pinned(tensors: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    pixels, labels = tensors
    return pixels.pin_memory(), labels.pin_memory()
