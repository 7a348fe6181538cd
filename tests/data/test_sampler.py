import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_cli.data.sampler import Sampler


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
