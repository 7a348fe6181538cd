import numpy as np

from stylegan_cli.studies.projection.descent import noise_factor, rate_factor
from tests.studies.projection.vectors import load

VECTORS = load()


def test_the_rate_is_the_published_one():
    for steps, name in ((50, "lr"), (250, "lr_250"), (1000, "lr_1000")):
        rate = 0.1 * rate_factor(np.arange(steps), steps)
        np.testing.assert_allclose(rate, VECTORS[name], rtol=1e-12, atol=1e-15)


def test_the_noise_on_the_code_is_the_published_one():
    factor = 0.05 * noise_factor(np.arange(1000), 1000)
    np.testing.assert_allclose(factor, VECTORS["noise_factor_1000"], rtol=1e-12, atol=1e-15)
    scale = 0.05 * float(VECTORS["w_std"]) * noise_factor(np.arange(50), 50)
    np.testing.assert_allclose(scale, VECTORS["noise_scale"], rtol=1e-6, atol=1e-12)


def test_the_first_step_moves_nothing_and_the_last_still_does():
    factor = rate_factor(np.array([0, 999]), 1000)
    assert factor[0] == 0
    assert 0 < factor[1] < 1e-3


def test_nothing_disturbs_the_last_quarter():
    assert not noise_factor(np.arange(750, 1000), 1000).any()
