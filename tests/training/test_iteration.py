from dataclasses import dataclass

import numpy as np
import pytest
import torch

from stylegan_cli.training.data import Batch
from stylegan_cli.training.inputs import PhaseStreams, draw_fakes, draw_paths
from stylegan_cli.training.iteration import nets_of, train_batch
from stylegan_cli.training.phases import g_main, g_reg
from stylegan_cli.training.schedule import stage_at
from stylegan_cli.training.state import initial_state
from tests.tiny import tiny, tiny_growing

CPU = torch.device("cpu")


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
    train_batch(state, nets_of(state, recipe), recipe, stage, reals_of(stage))
    return OneStep(before=before, state=state, seen=seen)


def weights(network):
    return [parameter.detach().clone() for parameter in network.parameters()]


def reals_of(stage):
    shape = (stage.batch_size, stage.level, stage.level, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Batch(pixels=torch.from_numpy(pixels), labels=torch.zeros(stage.batch_size, 0))


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
    step = one_step(tiny("train.ema_decay=0.75", "train.ema_kimg=10"))
    pairs = zip(step.before, weights(step.state.G), weights(step.state.G_ema), strict=True)
    for before, after, average in pairs:
        torch.testing.assert_close(average, 0.75 * before + 0.25 * after)


def test_the_half_life_counts_the_images_of_the_stage():
    step = one_step(tiny_growing("train.ema_kimg=0.004", "train.order=g-first"), cur_nimg=40)
    pairs = zip(step.before, weights(step.state.G), weights(step.state.G_ema), strict=True)
    for before, after, average in pairs:
        torch.testing.assert_close(average, (before + after) / 2)


def test_the_mean_of_w_follows_the_codes_of_every_phase():
    recipe = tiny("generator.w_avg_beta=0.75", "train.batch_size=2", "loss.r1_gamma=0.0")
    seen = []
    state = initial_state(recipe, c_dim=0, device=CPU, dtype=torch.float32)
    # those to mix with, the second half, do not count
    state.G.mapping.register_forward_hook(
        lambda _, inputs, w: seen.append(w.chunk(2)[0].detach().mean(0))
    )
    stage = stage_at(recipe, 0)
    train_batch(state, nets_of(state, recipe), recipe, stage, reals_of(stage))
    expected = torch.zeros(8)
    for w_mean in seen:
        expected = 0.75 * expected + 0.25 * w_mean
    assert len(seen) == 3
    torch.testing.assert_close(state.G.mapping.w_avg, expected)


def test_an_iteration_is_counted():
    assert one_step(tiny_growing()).state.iteration == 1


def test_reals_fade_with_the_networks():
    recipe = tiny_growing()
    seen = one_step(recipe, cur_nimg=28).seen
    stage = stage_at(recipe, 28)
    assert stage.lod == 0.25
    full = reals_of(stage).pixels.permute(0, 3, 1, 2) / 127.5 - 1
    small = full.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    old = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    # D moves first, and sees fakes and reals apart for R1
    torch.testing.assert_close(seen[1], 0.75 * full + 0.25 * old)


def test_reals_of_a_grown_network_are_left_alone():
    recipe = tiny_growing()
    seen = one_step(recipe, cur_nimg=40).seen
    pixels = (seen[1] + 1) * 127.5
    expected = reals_of(stage_at(recipe, 40)).pixels.permute(0, 3, 1, 2)
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
    fakes = draw_fakes(nets, streams("g", 8))
    paths = draw_paths(nets, streams("g_reg", 4), state.pl_mean)
    (g_main(nets, fakes).loss + g_reg(nets, paths).loss).backward()
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
