from contextlib import closing
from itertools import islice

import numpy as np
import pytest
import torch

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.loader import BatchShape, Sampler, stretches
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, prepare
from stylegan_cli.data.sources import open_sources
from stylegan_cli.rendering.render import to_images
from stylegan_cli.sizes import square
from stylegan_cli.training.data import resident, streamed

CPU = torch.device("cpu")
WAYS = pytest.mark.parametrize("way", [resident, streamed])


@pytest.fixture(scope="module")
def labelled(image_folder):
    return open_dataset(image_folder, resolution=16, labels=True)


def growing(position):
    """Six batches at 4 px, then at full size."""
    return (
        BatchShape(count=5, size=square(4))
        if position < 30
        else BatchShape(count=3, size=square(16))
    )


def batches(
    way, dataset, count, *, shape_at=lambda _: BatchShape(count=5, size=square(16)), **options
):
    sampler = Sampler(len(dataset), seed=3, mirror=True)
    cut = stretches(shape_at, sampler, **{"start": 0, **options})
    with closing(batch for part in cut for batch in way(CPU, dataset, part)) as found:
        return list(islice(found, count))


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.pixels, b.pixels)
        assert torch.equal(a.labels, b.labels)


@pytest.mark.parametrize(
    "options",
    [{}, {"start": 25}, {"rank": 1, "world_size": 2}, {"shape_at": growing}],
    ids=["from the start", "resumed", "second of two", "growing"],
)
def test_images_kept_on_the_device_come_in_the_order_of_the_stream(labelled, options):
    # 12 images: three epochs and more
    kept, decoded = (batches(way, labelled, 9, **options) for way in (resident, streamed))
    assert_same(kept, decoded)


def test_images_kept_on_the_device_are_decoded_once(labelled, monkeypatch):
    read, seen = labelled.read, []
    monkeypatch.setattr(labelled, "read", lambda index: seen.append(index) or read(index))
    batches(resident, labelled, 12)
    # and the first of all to know the number of channels
    assert sorted(seen) == [0, *range(12)]


def test_a_batch_may_show_an_image_twice(labelled):
    options = {"shape_at": lambda _: BatchShape(count=30, size=square(16))}
    assert_same(*(batches(way, labelled, 2, **options) for way in (resident, streamed)))


def test_halves_come_as_they_are_stored_either_way(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    for i in range(12):
        np.save(folder / f"{i}.npy", np.random.default_rng(i).random((16, 16, 5), np.float32))
    target = Target(resolution=16, channels=5, levels=(0.0, 1.0), store="float16")
    with open_sources([folder]) as sources:
        list(prepare(sources, Preparation(destination=tmp_path / "x.h5", target=target)))
    dataset = open_dataset(tmp_path / "x.h5", resolution=16, channels=5)
    kept, decoded = (batches(way, dataset, 9, shape_at=growing) for way in (resident, streamed))
    assert_same(kept, decoded)
    assert {batch.pixels.dtype for batch in kept} == {torch.float16}
    images = to_images(kept[-1].pixels)
    assert images.dtype == torch.float32 and len(images.unique()) > 1000


@WAYS
def test_what_a_batch_holds_stays_when_the_next_is_made(labelled, way):
    held = batches(way, labelled, 3)
    assert_same(held[:1], batches(way, labelled, 1))
