from math import inf

import numpy as np
import pytest
import torch

from stylegan_cli.studies.projection.findings import ms_ssim, psnr, scale_count
from stylegan_cli.studies.projection.objective import views

NOISE = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
SMOOTH = np.broadcast_to(np.linspace(0, 255, 64)[:, None, None], (64, 64, 3)).astype(np.uint8)


def test_equal_pictures_are_as_similar_as_can_be():
    assert psnr(NOISE, NOISE) == inf
    assert ms_ssim(NOISE, NOISE) == pytest.approx(1.0)


def test_psnr_of_black_and_white_is_0_dB():
    assert psnr(np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 255, np.uint8)) == 0


def test_psnr_of_an_error_of_ten_levels():
    assert psnr(SMOOTH // 2, SMOOTH // 2 + 10) == pytest.approx(20 * np.log10(25.5))


def test_similarity_falls_with_noise_and_is_symmetric():
    noisy = [
        np.clip(SMOOTH + level * (NOISE / 255 - 0.5), 0, 255).astype(np.uint8) for level in (20, 80)
    ]
    near, far = (ms_ssim(SMOOTH, each) for each in noisy)
    assert 1 > near > far > 0
    assert ms_ssim(noisy[0], SMOOTH) == pytest.approx(near)


@pytest.mark.parametrize(("side", "scales"), [(16, 1), (32, 2), (64, 3), (256, 5), (1024, 5)])
def test_scales_keep_at_least_the_window(side, scales):
    assert scale_count(side) == scales
    assert side >> (scales - 1) >= 11


def test_pictures_smaller_than_the_window_have_a_similarity():
    assert ms_ssim(NOISE[:8, :8], NOISE[:8, :8]) == pytest.approx(1.0)


@pytest.mark.parametrize(("channels", "pictures"), [(1, 1), (2, 2), (3, 1), (4, 2), (5, 3), (6, 2)])
def test_channels_are_seen_in_threes_and_what_is_left_one_by_one(channels, pictures):
    seen = list(views(torch.zeros(2, channels, 8, 8)))
    assert [tuple(view.shape) for view in seen] == [(2, 3, 8, 8)] * pictures
