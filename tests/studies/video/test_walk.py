"""Walks of noise: variance, correlation, loops."""

from itertools import islice
from math import exp

import pytest
import torch

from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.sizes import Size
from stylegan_cli.studies.video.images import NoiseWalk

SIZES = [Size(64, 64)]


def walk(frames=60, memory=10.0, loop=False, sizes=SIZES, seed=3):
    found = NoiseWalk(sizes, seed, memory=memory, frames=frames, loop=loop)
    return torch.stack([maps[0].flatten() for maps in found.maps()])


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize(("frames", "memory"), [(60, 10.0), (60, 0.5), (6, 30.0)])
def test_every_frame_has_unit_variance(frames, memory, loop):
    variances = walk(frames, memory, loop).var(dim=1)
    assert (variances - 1).abs().max() < 0.08  # 4096 numbers a frame: σ 0.022


def test_the_correlation_falls_by_rho_a_frame():
    found = walk(60, memory=10.0)
    for lag in (1, 10):
        products = (found[lag:] * found[:-lag]).mean()
        assert abs(float(products) - exp(-lag / 10)) < 0.03


def test_the_frame_behind_the_last_of_a_loop_is_the_first():
    found = NoiseWalk(SIZES, 3, memory=5.0, frames=12, loop=True)
    rounds = NoiseWalk(SIZES, 3, memory=5.0, frames=12, loop=True)
    first, last = next(found.maps())[0], list(rounds.maps())[-1][0]
    fresh = rounds._draw(0)[0]
    assert torch.allclose(rounds._rho * last + rounds._step * fresh, first, atol=1e-5)


def test_a_walk_without_a_loop_starts_at_the_noise_of_its_seed():
    assert torch.equal(walk()[0], noise_maps(SIZES, [3], torch.device("cpu"))[0].flatten())


def test_a_frame_depends_on_seed_and_time_alone():
    found = NoiseWalk([*SIZES, Size(4, 8)], 3, memory=10.0, frames=60, loop=True)
    (again,) = islice(found.maps(), 7, 8)
    assert [tuple(maps.shape) for maps in again] == [(1, 1, 64, 64), (1, 1, 4, 8)]
    assert not torch.equal(walk(seed=3)[7], walk(seed=4)[7])
    assert torch.equal(walk(seed=3)[7], walk(seed=3)[7])
