from contextlib import closing
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.loader import (
    BalancedSampler,
    BatchShape,
    Sampler,
    decoded_batches,
    stretches,
)
from stylegan_cli.errors import DataError
from stylegan_cli.sizes import square
from tests.data.pictures import blocks, folder_of


@pytest.fixture
def dataset(tmp_path):
    files = {f"{'ab'[n % 2]}/{n:02}.png": blocks(n, 8, 8) for n in range(13)}
    opened = open_dataset(folder_of(tmp_path, files), resolution=8, labels=True)
    yield opened
    opened.close()


def batches(dataset, count, shape_at=lambda _: BatchShape(count=4, size=square(8)), **options):
    sampler = Sampler(len(dataset), seed=3, mirror=True)
    cut = stretches(shape_at, sampler, **{"start": 0, **options})
    stream = (batch for part in cut for batch in decoded_batches(dataset, part))
    with closing(stream):
        return list(islice(stream, count))


def test_batches_equal_direct_reads(dataset):
    sampler = Sampler(len(dataset), seed=3, mirror=True)
    for number, batch in enumerate(batches(dataset, 9)):
        for row in range(4):
            pick = sampler.pick(number * 4 + row)
            pixels, label = dataset.read(pick.index)
            expected = pixels[:, ::-1] if pick.mirrored else pixels
            np.testing.assert_array_equal(batch.pixels[row], expected)
            np.testing.assert_array_equal(batch.labels[row], label)


@pytest.mark.parametrize(("kept_bytes", "reads"), [(2**20, 13), (13 * 8 * 8 * 3 - 1, 52)])
def test_a_small_data_set_is_decoded_once(dataset, monkeypatch, kept_bytes, reads):
    read, seen = dataset.read, []
    monkeypatch.setattr("stylegan_cli.data.loader.KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(dataset, "read", lambda index: seen.append(index) or read(index))
    batches(dataset, 13)
    # and one to know the channels; others are decoded ahead, or by two threads at once
    assert reads < len(seen) <= reads + 14


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
    [batch] = batches(dataset, 1, lambda _: BatchShape(count=32, size=square(8)))
    assert batch.pixels.shape == (32, 8, 8, 3) and batch.labels.shape == (32, 2)


def growing(position):
    """Two batches of 6 at 2 px, one of 4 at 4 px, then 2 at a time at 8 px."""
    if position < 12:
        return BatchShape(count=6, size=square(2))
    return (
        BatchShape(count=4, size=square(4))
        if position < 16
        else BatchShape(count=2, size=square(8))
    )


def test_batches_take_the_shape_of_their_place(dataset):
    shapes = [batch.pixels.shape for batch in batches(dataset, 5, growing)]
    sides = [(6, 2), (6, 2), (4, 4), (2, 8), (2, 8)]
    assert shapes == [(size, side, side, 3) for size, side in sides]


def test_batches_of_any_shape_cut_the_same_stream(dataset):
    whole = np.concatenate([batch.labels for batch in batches(dataset, 5)])
    cut = np.concatenate([batch.labels for batch in batches(dataset, 5, growing)])
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("start", [6, 12, 16, 18])
def test_a_growing_stream_goes_on_from_any_batch(dataset, start):
    starts = [0, 6, 12, 16, 18]
    whole = batches(dataset, 6, growing)[starts.index(start) :]
    resumed = batches(dataset, len(whole), growing, start=start)
    for expected, seen in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(seen.pixels, expected.pixels)


def test_shares_of_a_growing_stream_interleave(dataset):
    whole = batches(dataset, 5, growing)
    shares = [batches(dataset, 5, growing, rank=rank, world_size=2) for rank in range(2)]
    for number, batch in enumerate(whole):
        for rank in range(2):
            np.testing.assert_array_equal(shares[rank][number].pixels, batch.pixels[rank::2])


@pytest.mark.parametrize("side", [4, 2, 1])
def test_smaller_images_are_means_rounded_once(tmp_path, side):
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    folder_of(tmp_path, {"noise.png": Image.fromarray(picture)})
    with closing(open_dataset(tmp_path, resolution=8)) as noise:
        stream = batches(noise, 4, lambda _: BatchShape(count=1, size=square(side)))
    mirrored = [Sampler(1, seed=3, mirror=True).pick(position).mirrored for position in range(4)]
    assert set(mirrored) == {False, True}
    means = np.rint(picture.reshape(side, 8 // side, side, 8 // side, 3).mean((1, 3)))
    for batch, flip in zip(stream, mirrored, strict=True):
        np.testing.assert_array_equal(batch.pixels[0], means[:, ::-1] if flip else means)


def test_a_broken_image_is_named(tmp_path):
    folder_of(tmp_path, {"good.png": blocks(0, 8, 8), "bad.png": blocks(1, 8, 8)})
    with closing(open_dataset(tmp_path, resolution=8)) as dataset:
        (tmp_path / "bad.png").write_bytes(b"text")
        with pytest.raises(DataError, match=r"bad\.png: not an"):
            batches(dataset, 1)


def indices(sampler, positions):
    return [sampler.pick(position).index for position in positions]


@settings(deadline=None, max_examples=50)
@given(length=st.integers(1, 50), seed=st.integers(0, 9), epoch=st.integers(0, 5))
def test_every_epoch_is_a_permutation(length, seed, epoch):
    sampler = Sampler(length, seed=seed, mirror=False)
    picked = indices(sampler, range(epoch * length, (epoch + 1) * length))
    assert sorted(picked) == list(range(length))


@settings(deadline=None, max_examples=50)
@given(length=st.integers(1, 50), start=st.integers(0, 200))
def test_a_stream_looked_up_from_anywhere_is_the_same(length, start):
    whole = Sampler(length, seed=1, mirror=True)
    walked = [whole.pick(position) for position in range(start + 20)][start:]
    resumed = Sampler(length, seed=1, mirror=True)
    assert [resumed.pick(position) for position in range(start, start + 20)] == walked


def test_epochs_and_seeds_differ():
    orders = [
        indices(Sampler(100, seed=seed, mirror=False), range(100 * epoch, 100 * epoch + 100))
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    ]
    assert orders[0] != orders[1] and orders[0] != orders[2]


def test_mirror_flips_half_and_changes_no_order():
    plain, mirrored = (Sampler(1000, seed=0, mirror=mirror) for mirror in (False, True))
    picks = [mirrored.pick(position) for position in range(5000)]
    assert abs(np.mean([pick.mirrored for pick in picks]) - 0.5) < 0.03
    assert [pick.index for pick in picks] == indices(plain, range(5000))
    assert not any(plain.pick(position).mirrored for position in range(1000))


MEMBERS = [[0, 3, 4, 5, 6], [1], [2, 7, 8]]


def balanced(seed=0, mirror=False):
    return BalancedSampler(MEMBERS, seed=seed, mirror=mirror)


def test_every_block_of_a_balanced_stream_has_an_image_of_each_class():
    picked = indices(balanced(), range(300))
    for block in range(100):
        shown = set(picked[3 * block : 3 * block + 3])
        assert [len(shown & set(members)) for members in MEMBERS] == [1, 1, 1]


def test_images_of_a_class_come_equally_often_and_in_changing_order():
    picked = indices(balanced(), range(300))
    large = [index for index in picked if index in MEMBERS[0]]
    epochs = [large[k : k + 5] for k in range(0, 100, 5)]
    assert all(sorted(epoch) == MEMBERS[0] for epoch in epochs)
    assert epochs[0] != epochs[1]


@given(start=st.integers(0, 60))
@settings(deadline=None, max_examples=20)
def test_a_balanced_stream_goes_on_from_anywhere(start):
    walked = [pick for sampler in [balanced(1, True)] for pick in map(sampler.pick, range(90))]
    resumed = balanced(1, True)
    assert [resumed.pick(position) for position in range(start, start + 30)] == walked[start:][:30]


def test_classes_of_a_balanced_stream_are_mirrored_apart():
    picks = [balanced(mirror=True).pick(position) for position in range(3000)]
    for members in MEMBERS:
        flips = [pick.mirrored for pick in picks if pick.index in members]
        assert abs(np.mean(flips) - 0.5) < 0.06
