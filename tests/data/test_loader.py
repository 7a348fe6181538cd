from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.loader import real_batches
from stylegan_cli.data.sampler import Sampler
from stylegan_cli.errors import DataError
from tests.data.pictures import blocks, folder_of


@pytest.fixture
def dataset(tmp_path):
    files = {f"{'ab'[n % 2]}/{n:02}.png": blocks(n, 8, 8) for n in range(13)}
    opened = open_dataset(folder_of(tmp_path, files), resolution=8, labels=True)
    yield opened
    opened.close()


def batches(dataset, count, **options):
    options = {"seed": 3, "start": 0, "batch_size": 4, "mirror": True, **options}
    stream = real_batches(dataset, **options)
    try:
        return list(islice(stream, count))
    finally:
        stream.close()


def test_batches_equal_direct_reads(dataset):
    sampler = Sampler(len(dataset), seed=3, mirror=True)
    for number, batch in enumerate(batches(dataset, 9)):
        for row in range(4):
            pick = sampler.pick(number * 4 + row)
            pixels, label = dataset.read(pick.index)
            expected = pixels[:, ::-1] if pick.mirrored else pixels
            np.testing.assert_array_equal(batch.pixels[row], expected)
            np.testing.assert_array_equal(batch.labels[row], label)


@pytest.mark.parametrize("start", [4, 12, 40])
def test_any_start_gives_the_same_tail(dataset, start):
    whole = batches(dataset, 15)[start // 4 :]
    resumed = batches(dataset, len(whole), start=start)
    for expected, seen in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(seen.pixels, expected.pixels)


@pytest.mark.parametrize("world_size", [2, 3])
def test_shares_interleave_to_the_batch_of_one_process(dataset, world_size):
    whole = batches(dataset, 5)
    shares = [batches(dataset, 5, rank=rank, world_size=world_size) for rank in range(world_size)]
    for number, batch in enumerate(whole):
        joined = np.empty_like(batch.pixels)
        for rank in range(world_size):
            joined[rank::world_size] = shares[rank][number].pixels
        np.testing.assert_array_equal(joined, batch.pixels)


def test_batches_can_be_larger_than_the_data_set(dataset):
    [batch] = batches(dataset, 1, batch_size=32)
    assert batch.pixels.shape == (32, 8, 8, 3) and batch.labels.shape == (32, 2)


def test_a_broken_image_is_named(tmp_path):
    folder_of(tmp_path, {"good.png": blocks(0, 8, 8), "bad.png": b"text"})
    with (
        closing(open_dataset(tmp_path, resolution=8)) as dataset,
        pytest.raises(DataError, match=r"bad\.png: not an"),
    ):
        batches(dataset, 1)
