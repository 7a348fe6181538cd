import pytest

from stylegan_cli.runtime import World
from stylegan_cli.training.iteration import share_of
from tests.tiny import tiny


def test_every_sample_is_trained_once():
    recipe = tiny("train.batch_size=16", "train.batch_per_device=4")
    shares = [share_of(recipe, World(rank=rank, size=2)) for rank in range(2)]
    samples = [share.samples[i] for share in shares for part in share.split() for i in part]
    assert sorted(samples) == list(range(16))


@pytest.mark.parametrize(("processes", "per_device"), [(1, 16), (2, 8), (4, 4), (1, 4), (2, 4)])
def test_groups_of_minibatch_deviation_stay_together(processes, per_device):
    recipe = tiny("train.batch_size=16", f"train.batch_per_device={per_device}")
    groups = set()
    for rank in range(processes):
        share = share_of(recipe, World(rank=rank, size=processes))
        for part in share.split():
            n_groups = len(part) // 4
            groups |= {
                frozenset(share.samples[i] for i in part[k::n_groups]) for k in range(n_groups)
            }
    assert groups == {frozenset(range(k, 16, 4)) for k in range(4)}


def test_a_shrunk_batch_is_split_into_no_empty_rounds():
    share = share_of(tiny("train.batch_size=8", "train.batch_per_device=4"), World())
    assert share.split(1) == [[0]]
