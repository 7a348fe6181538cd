import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_cli.data.loader import BalancedSampler, Sampler


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
def test_any_start_gives_the_same_tail(length, start):
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
