import pytest

from stylegan_cli.errors import UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.schedule import share_of, stage_at
from tests.tiny import tiny, tiny_growing


def share_at_start(recipe, **world):
    return share_of(recipe, stage_at(recipe, 0), World(**world))


def test_every_sample_is_trained_once():
    recipe = tiny("train.batch_size=16", "train.batch_per_device=4")
    shares = [share_at_start(recipe, rank=rank, size=2) for rank in range(2)]
    samples = [share.samples[i] for share in shares for part in share.split() for i in part]
    assert sorted(samples) == list(range(16))


@pytest.mark.parametrize(("processes", "per_device"), [(1, 16), (2, 8), (4, 4), (1, 4), (2, 4)])
def test_groups_of_minibatch_deviation_stay_together(processes, per_device):
    recipe = tiny("train.batch_size=16", f"train.batch_per_device={per_device}")
    groups = set()
    for rank in range(processes):
        share = share_at_start(recipe, rank=rank, size=processes)
        for part in share.split():
            n_groups = len(part) // 4
            groups |= {
                frozenset(share.samples[i] for i in part[k::n_groups]) for k in range(n_groups)
            }
    assert groups == {frozenset(range(k, 16, 4)) for k in range(4)}


def test_a_shrunk_batch_is_split_into_no_empty_rounds():
    share = share_at_start(tiny("train.batch_size=8", "train.batch_per_device=4"))
    assert [list(part) for part in share.split(1)] == [[0]]


@pytest.mark.parametrize(
    ("processes", "overrides", "found"),
    [
        (3, ("train.batch_size=16",), "16 is not divisible by the 3 processes"),
        (2, ("train.batch_size=12",), "6 images at once"),
        (2, ("train.batch_size=24", "train.batch_per_device=8"), "6 images at once"),
    ],
)
def test_a_batch_that_cannot_be_dealt_out_is_refused(processes, overrides, found):
    with pytest.raises(UsageError, match=rf"train\.batch_size: .*{found}"):
        share_at_start(tiny(*overrides), size=processes)


def test_small_images_take_less_room_on_a_device():
    recipe = tiny_growing("train.batch_size=32", "train.batch_per_device=4")
    shares = [share_of(recipe, stage_at(recipe, cur_nimg), World()) for cur_nimg in (0, 64)]
    assert [[len(part) for part in share.split()] for share in shares] == [[16, 16], [4]]


def test_a_batch_of_one_resolution_is_refused_by_its_name():
    recipe = tiny_growing()
    with pytest.raises(UsageError, match=r"growing\.batch_size: 4 at 16 px is not divisible"):
        share_of(recipe, stage_at(recipe, 24), World(size=3))
