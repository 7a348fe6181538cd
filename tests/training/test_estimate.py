import pytest
import torch

from stylegan_cli.recipe import load
from stylegan_cli.training.estimate import estimate
from tests.tiny import tiny, tiny_growing


@pytest.fixture(scope="module")
def paper():
    return estimate(load("stylegan2", ["train.batch_size=4"]))


def test_the_paper_recipe_has_the_papers_networks(paper):
    assert paper.parameters == {
        "mapping": 2_101_248,
        "synthesis": 28_268_812,
        "generator": 30_370_060,
        "discriminator": 29_012_513,
    }
    assert paper.num_ws == 18


def test_weights_count_their_averages_gradients_and_moments(paper):
    assert paper.weight_bytes == 4 * (5 * 30_370_060 + 4 * 29_012_513)


def test_activations_grow_with_the_batch():
    small = estimate(tiny("train.batch_size=8"))
    large = estimate(tiny("train.batch_size=16"))
    assert large.activation_bytes == pytest.approx(2 * small.activation_bytes, rel=0.05)


def test_accumulation_keeps_the_memory_of_its_rounds():
    whole = estimate(tiny("train.batch_size=8"))
    rounds = estimate(tiny("train.batch_size=16", "train.batch_per_device=8"))
    assert rounds.activation_bytes == whole.activation_bytes


def test_reduced_precision_keeps_less():
    recipe = tiny()
    full = estimate(recipe)
    reduced = estimate(recipe, dtype=torch.bfloat16)
    assert reduced.activation_bytes < full.activation_bytes


def test_a_batch_smaller_than_a_group_of_minibatch_deviation_has_a_cost():
    assert estimate(tiny("train.batch_size=3")).activation_bytes > 0


def test_a_growing_run_costs_what_its_hungriest_resolution_does():
    late = estimate(tiny_growing("growing.batch_size={8 = 4, 16 = 16}"))
    early = estimate(tiny_growing("growing.batch_size={8 = 64, 16 = 4}"))
    both = estimate(tiny_growing("growing.batch_size={8 = 64, 16 = 16}"))
    assert (late.batch_per_device, early.batch_per_device) == (16, 64)
    assert both.activation_bytes == max(late.activation_bytes, early.activation_bytes)


def test_a_run_that_ends_early_costs_no_more_than_it_comes_to():
    short = estimate(tiny_growing("train.total_kimg=0.008"))
    assert short.activation_bytes < estimate(tiny_growing()).activation_bytes


def test_a_gradient_penalty_costs_a_pass_of_its_own():
    plain = tiny_growing("loss.gp_weight=0.0", family="progan")
    penalized = estimate(tiny_growing(family="progan"))
    assert penalized.activation_bytes > 1.2 * estimate(plain).activation_bytes
