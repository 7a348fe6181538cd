from collections import Counter

import pytest
import torch

from stylegan_cli.sizes import square
from stylegan_cli.training.inputs import PhaseStreams

CPU = torch.device("cpu")


def streams(samples, *, phase="g", iteration=3):
    return PhaseStreams(seed=1, phase=phase, iteration=iteration, samples=samples, device=CPU)


def test_a_sample_draws_the_same_whoever_draws_it():
    whole, _ = streams(range(4)).latents(8)
    part, _ = streams([1, 3]).latents(8)
    assert torch.equal(part, whole[[1, 3]])


def test_noise_of_a_sample_is_its_own():
    whole = streams(range(4)).noise([square(4), square(8)])
    part = streams([2]).noise([square(4), square(8)])
    assert all(torch.equal(p[0], w[2]) for p, w in zip(part, whole, strict=True))


@pytest.mark.parametrize("other", [{"phase": "d"}, {"iteration": 4}])
def test_phases_and_iterations_draw_anew(other):
    z, _ = streams([0]).latents(8)
    z_other, _ = streams([0], **other).latents(8)
    assert not torch.equal(z, z_other)


def test_the_two_latents_of_style_mixing_differ():
    z, z_mix = streams([0]).latents(8)
    assert not torch.equal(z, z_mix)


def test_crossovers_are_spread_over_all_layers_but_the_first():
    drawn = Counter(streams([0], iteration=i).crossover(6, 0.9) for i in range(2000))
    assert set(drawn) == {1, 2, 3, 4, 5, 6}
    assert drawn[6] / 2000 == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, {6}), (1.0, {1, 2, 3, 4, 5})])
def test_mixing_can_be_left_out_or_always_done(probability, expected):
    assert {streams([0], iteration=i).crossover(6, probability) for i in range(100)} == expected


def test_shares_are_spread_over_the_unit_interval():
    shares = streams(range(500)).shares().flatten()
    assert 0 <= shares.min() < 0.05 and 0.95 < shares.max() < 1
    assert streams([3]).shares().item() == shares[3]
