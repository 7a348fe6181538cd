import numpy as np
import pytest

from stylegan_cli.studies.noise.measurements import PixelMoments, split_variance


def moments(values):
    found = PixelMoments()
    for value in values:
        found.add(value)
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_mean_and_variance_are_numpys(count):
    values = np.random.RandomState(0).randn(count, 3, 4) * 50 + 100
    found = moments(values)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    expected = values.var(axis=0, ddof=1) if count > 1 else np.zeros((3, 4))
    np.testing.assert_allclose(found.variance, expected, rtol=1e-10)


def test_a_small_spread_far_from_zero_is_not_lost():
    values = 1e6 + np.array([0.0, 1e-3, 2e-3])
    assert moments(values[:, None]).variance == pytest.approx(1e-6, rel=1e-4)


def test_equal_arrays_have_a_variance_of_exactly_zero():
    assert not moments([np.full((2, 2), 0.1)] * 17).variance.any()


def test_float32_is_summed_in_float64():
    found = moments([np.float32([1]), np.float32([3])])
    assert found.mean.dtype == found.variance.dtype == np.float64


def groups(style_std, noise_std, seeds, draws, pixels):
    random = np.random.RandomState(1)
    styles = style_std * random.randn(seeds, 1, pixels)
    x = styles + noise_std * random.randn(seeds, draws, pixels)
    return [(of_seed.mean(axis=0), of_seed.var(axis=0, ddof=1)) for of_seed in x]


@pytest.mark.parametrize(("style_std", "noise_std"), [(2, 3), (0, 3), (2, 0)])
def test_the_parts_of_a_variance_are_unbiased(style_std, noise_std):
    between, within = split_variance(groups(style_std, noise_std, 20, 2, 5_000), 2)
    assert between.mean() == pytest.approx(style_std**2, abs=0.15)
    assert within.mean() == pytest.approx(noise_std**2, abs=0.15)


def test_what_noise_leaves_in_means_is_not_counted_for_styles():
    between, within = split_variance([(np.ones(1), np.full(1, 8.0)), (np.ones(1), np.zeros(1))], 4)
    assert (between, within) == (-1, 4)


def test_a_single_group_does_not_tell_what_is_between_groups():
    between, within = split_variance([(np.ones(1), np.full(1, 8.0))], 4)
    assert np.isnan(between).all()
    assert within == 8
