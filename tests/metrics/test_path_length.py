import math

import numpy as np
import pytest
import torch

from stylegan_cli.metrics.path_length import (
    EPSILON,
    crop_face,
    lerp,
    path_length,
    shrink,
    slerp,
)
from stylegan_cli.metrics.ppl import shrink_factor
from stylegan_cli.sizes import square


def codes(n=5, dim=16, seed=0):
    return np.random.RandomState(seed).randn(n, dim).astype(np.float32)


def at(t, n=5):
    return np.full(n, t)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_slerp_stays_on_the_unit_sphere(t):
    points = slerp(codes(), codes(seed=1), at(t))
    assert np.linalg.norm(points, axis=1) == pytest.approx(1, abs=1e-12)


def test_slerp_begins_and_ends_at_the_directions_of_its_ends():
    a, b = codes(), codes(seed=1)
    assert slerp(a, b, at(0.0)) == pytest.approx(unit(a), abs=1e-6)
    assert slerp(a, b, at(1.0)) == pytest.approx(unit(b), abs=1e-6)


def test_slerp_moves_at_constant_speed():
    a, b = codes(), codes(seed=1)
    steps = np.stack([slerp(a, b, at(t)) for t in (0.0, 0.25, 0.5, 0.75, 1.0)])
    cosines = (steps[1:] * steps[:-1]).sum(2)
    assert cosines == pytest.approx(np.broadcast_to(cosines[:1], cosines.shape))


def test_slerp_is_the_same_backwards():
    a, b, t = codes(), codes(seed=1), np.linspace(0, 1, 5)
    assert slerp(a, b, t) == pytest.approx(slerp(b, a, 1 - t))


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_slerp_between_parallel_codes_stays_there(factor):
    a = codes()
    assert slerp(a, factor * a, at(0.4)) == pytest.approx(unit(a), abs=1e-6)


def test_lerp_is_straight_and_meets_its_ends():
    a, b = codes(), codes(seed=1)
    assert np.array_equal(lerp(a, b, at(0.0)), a)
    assert lerp(a, b, at(1.0)) == pytest.approx(b)
    assert lerp(a, b, at(0.5)) == pytest.approx((a.astype(float) + b) / 2)


def test_ppl_of_a_linear_generator_in_w_is_the_mean_squared_length_of_its_paths():
    random = np.random.RandomState(0)
    G = random.randn(16, 40)
    a, b, t = codes(300), codes(300, seed=1), random.rand(300)
    step = (lerp(a, b, t + EPSILON) - lerp(a, b, t)) @ G
    exact = (((b.astype(float) - a) @ G) ** 2).sum(1)
    d = (step**2).sum(1) / EPSILON**2
    assert d == pytest.approx(exact, rel=1e-6)
    assert path_length(d).ppl == pytest.approx(path_length(exact).ppl, rel=1e-6)


def test_ppl_of_the_identity_in_z_is_the_mean_squared_angle():
    a, b = codes(300, 512), codes(300, 512, seed=1)
    t = np.random.RandomState(2).rand(300)
    step = slerp(a, b, t + EPSILON) - slerp(a, b, t)
    d = (step**2).sum(1) / EPSILON**2
    angles = np.arccos((unit(a.astype(float)) * unit(b.astype(float))).sum(1))
    assert d == pytest.approx(angles**2, rel=1e-5)
    assert path_length(d).ppl == pytest.approx((math.pi / 2) ** 2, rel=0.01)


@pytest.mark.parametrize(("n", "first", "last"), [(2, 0, 1), (100, 0, 99), (101, 1, 99)])
def test_percentiles_are_the_lower_first_and_the_higher_last(n, first, last):
    d = np.arange(n, dtype=float)
    result = path_length(np.random.RandomState(0).permutation(d))
    assert result.counted == last - first + 1
    assert result.ppl == pytest.approx(d[first : last + 1].mean())


def test_distances_equal_to_a_percentile_count():
    d = np.array([0.0] * 50 + [1.0] * 150 + [9.0])
    assert path_length(d).counted == 200 + 1 - 1


def test_outliers_do_not_count():
    d = np.ones(1000)
    d[:5], d[5:10] = 0, 1e9
    assert path_length(d).ppl == 1


def test_the_standard_error_is_that_of_the_counted():
    d = np.random.RandomState(0).rand(100)
    expected = d.std(ddof=1) / 10
    assert path_length(d).standard_error == pytest.approx(expected)


@pytest.mark.parametrize(
    ("side", "rows", "columns"), [(8, (3, 7), (2, 6)), (256, (96, 224), (64, 192))]
)
def test_the_crop_is_half_a_side_below_the_middle(side, rows, columns):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    cropped = crop_face(torch.stack([y, x]).float()[None])
    assert cropped.shape[2:] == (side // 2, side // 2)
    assert (int(cropped[0, 0].min()), int(cropped[0, 0].max()) + 1) == rows
    assert (int(cropped[0, 1].min()), int(cropped[0, 1].max()) + 1) == columns


@pytest.mark.parametrize(
    ("resolution", "crop", "rule", "factor"),
    [
        (64, False, "cropped", 1),
        (256, False, "cropped", 1),
        (512, True, "cropped", 1),
        (512, True, "whole", 2),
        (1024, False, "cropped", 4),
        (1024, True, "cropped", 2),
        (1024, True, "whole", 4),
        (1024, False, "whole", 4),
    ],
)
def test_images_are_reduced_to_256_by_a_whole_factor(resolution, crop, rule, factor):
    assert shrink_factor(square(resolution), crop=crop, rule=rule) == factor


def test_reducing_takes_means():
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert torch.equal(shrink(images, 2), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    assert shrink(images, 1) is images
