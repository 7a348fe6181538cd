import pytest
import torch

from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.growing import stage_at
from stylegan_cli.training.iteration import enough_memory, share_of
from tests.tiny import tiny


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
    assert share.split(1) == [[0]]


@pytest.mark.parametrize(
    ("processes", "overrides", "found"),
    [
        (3, ("train.batch_size=16",), "16 does not divide by the 3 processes"),
        (2, ("train.batch_size=12",), "6 images at once"),
        (2, ("train.batch_size=24", "train.batch_per_device=8"), "6 images at once"),
    ],
)
def test_a_batch_that_cannot_be_dealt_out_is_refused(processes, overrides, found):
    with pytest.raises(UsageError, match=rf"train\.batch_size: .*{found}"):
        share_at_start(tiny(*overrides), size=processes)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate"),
        MemoryError(),
    ],
)
def test_a_device_that_is_too_small_is_told_in_words(error):
    with (
        pytest.raises(TrainingError, match=r"8 images at once; .*batch_per_device=4"),
        enough_memory(share_at_start(tiny())),
    ):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="a bug"), enough_memory(share_at_start(tiny())):
        raise RuntimeError("a bug")
