import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.detectors.trunks import resize_smooth, resize_tf1


def tf1_axis(x, side):
    """The definition, sample by sample, along the last axis."""
    length = x.shape[-1]
    out = np.empty((*x.shape[:-1], side))
    for i in range(side):
        position = i * length / side
        before = int(np.floor(position))
        after = min(before + 1, length - 1)
        out[..., i] = x[..., before] + (position - before) * (x[..., after] - x[..., before])
    return out


@pytest.mark.parametrize("length", [4, 32, 64, 299, 300, 1024])
def test_tf1_follows_its_definition(length):
    pixels = np.random.RandomState(0).randint(0, 256, (1, 3, 7, length)).astype(np.float64)
    expected = tf1_axis(tf1_axis(pixels, 299).swapaxes(2, 3), 299).swapaxes(2, 3)
    got = resize_tf1(torch.tensor(pixels.astype(np.uint8)), 299)
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("length", [32, 96])
def test_tf1_agrees_with_its_form_as_a_sampling_grid(length):
    images = torch.tensor(np.random.RandomState(0).rand(1, 3, length, length) * 255).float()
    theta = torch.eye(2, 3)
    theta[:, 2] = 1 / length - 1 / 299
    grid = F.affine_grid(theta[None], [1, 3, 299, 299], align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(resize_tf1(images, 299), expected, atol=0.03, rtol=0)


def test_at_that_size_already_nothing_changes():
    images = torch.rand(1, 3, 8, 8) * 255
    assert torch.equal(resize_tf1(images, 8), images)
    assert torch.equal(resize_smooth(images, 8), images)


def test_smooth_averages_over_all_pixels_when_it_shrinks():
    stripes = torch.tensor([0.0, 255.0]).repeat(32).expand(1, 3, 64, 64)
    inner = resize_smooth(stripes, 8)[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 127.5))
    assert resize_tf1(stripes, 8).max() == 0
