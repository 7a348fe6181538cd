from dataclasses import dataclass

import numpy as np
import pytest
import torch

from stylegan_cli.data.loader import RealBatch
from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.runtime import World
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.growing import stage_at
from stylegan_cli.training.iteration import enough_memory, share_of, train_batch
from stylegan_cli.training.phases import Nets, g_main, g_reg
from stylegan_cli.training.state import initial_state
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")


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


def test_small_images_take_less_room_on_a_device():
    recipe = tiny_growing("train.batch_size=32", "train.batch_per_device=4")
    shares = [share_of(recipe, stage_at(recipe, cur_nimg), World()) for cur_nimg in (0, 64)]
    assert [[len(part) for part in share.split()] for share in shares] == [[16, 16], [4]]


def test_a_batch_of_one_resolution_is_refused_by_its_name():
    recipe = tiny_growing()
    with pytest.raises(UsageError, match=r"growing\.batch_size\.16: 4 does not divide by the 3"):
        share_of(recipe, stage_at(recipe, 24), World(size=3))


@dataclass
class OneStep:
    """Networks before and after an iteration, and the images that D saw in it."""

    before: list
    state: object
    seen: list


def one_step(recipe, cur_nimg=0):
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    state.cur_nimg = cur_nimg
    stage, seen = stage_at(recipe, cur_nimg), []
    state.D.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    before = weights(state.G)
    share = share_of(recipe, stage, World())
    train_batch(state, nets_of(state, recipe), recipe, share, reals_of(stage))
    return OneStep(before=before, state=state, seen=seen)


def weights(network):
    return [parameter.detach().clone() for parameter in network.parameters()]


def nets_of(state, recipe):
    return Nets(
        G=state.G,
        D=state.D,
        loss=recipe.loss,
        r1_gamma=recipe.loss.r1_gamma,
        n_images=1,
        labels_of=lambda indices: torch.zeros(len(indices), 0),
        world=World(),
        stats=state.stats,
    )


def reals_of(stage):
    shape = (stage.batch_size, stage.resolution, stage.resolution, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return RealBatch(pixels=pixels, labels=np.zeros((stage.batch_size, 0), np.float32))


def all_equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_d_first_averages_g_before_it_moves():
    step = one_step(tiny_growing("train.ema_kimg=0.0", "train.order=d-first"))
    assert all_equal(weights(step.state.G_ema), step.before)
    assert not all_equal(weights(step.state.G), step.before)


def test_g_first_averages_g_after_it_moved():
    step = one_step(tiny_growing("train.ema_kimg=0.0", "train.order=g-first"))
    assert all_equal(weights(step.state.G_ema), weights(step.state.G))


def test_a_constant_decay_is_taken_as_it_is():
    step = one_step(tiny("train.ema_decay=0.75"))
    pairs = zip(step.before, weights(step.state.G), weights(step.state.G_ema), strict=True)
    for before, after, average in pairs:
        torch.testing.assert_close(average, 0.75 * before + 0.25 * after)


def test_reals_fade_with_the_networks():
    recipe = tiny_growing()
    seen = one_step(recipe, cur_nimg=28).seen
    stage = stage_at(recipe, 28)
    assert stage.lod == 0.25
    full = torch.from_numpy(reals_of(stage).pixels).permute(0, 3, 1, 2) / 127.5 - 1
    small = full.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    old = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    # D moves first, and sees fakes and reals apart for R1
    torch.testing.assert_close(seen[1], 0.75 * full + 0.25 * old)


def test_reals_of_a_grown_network_are_left_alone():
    recipe = tiny_growing()
    seen = one_step(recipe, cur_nimg=40).seen
    pixels = (seen[1] + 1) * 127.5
    expected = torch.from_numpy(reals_of(stage_at(recipe, 40)).pixels).permute(0, 3, 1, 2)
    torch.testing.assert_close(pixels, expected.float(), atol=1e-3, rtol=0)


def test_networks_train_at_the_size_they_have():
    assert {tuple(images.shape[2:]) for images in one_step(tiny_growing()).seen} == {(8, 8)}


def test_without_laziness_path_lengths_are_part_of_the_step():
    recipe = tiny("loss.lazy=false")
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    state.D.requires_grad_(False)

    def streams(phase, count):
        return PhaseStreams(
            seed=recipe.seed, phase=phase, iteration=0, samples=range(count), device=CPU
        )

    nets = nets_of(state, recipe)
    loss = g_main(nets, streams("g", 8)) + g_reg(nets, streams("g_reg", 4), state.pl_mean)
    loss.backward()
    state.opt_g.step()
    for found, expected in zip(weights(one_step(recipe).state.G), weights(state.G), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("lazy", "steps"), [("true", {"g", "g_reg", "d", "d_reg"}), ("false", {"g", "d"})]
)
def test_regularizers_step_apart_only_if_lazy(lazy, steps):
    sums = one_step(tiny(f"loss.lazy={lazy}")).state.stats.sums
    assert {f"grad_norm_{name}" for name in steps} == {n for n in sums if n.startswith("grad_")}
    assert {"r1_penalty", "pl_penalty"} <= set(sums)
