import torch

from stylegan_cli.studies.projection.descent import correlation_penalty, standardize
from tests.studies.projection.vectors import load

VECTORS = load()
MAPS = [torch.from_numpy(VECTORS[f"reg/maps/{i}"]) for i in range(4)]


def test_the_penalty_is_the_published_one_for_each_picture_alone():
    expected = torch.from_numpy(VECTORS["reg/value"]).float()
    torch.testing.assert_close(correlation_penalty(MAPS), expected, rtol=1e-6, atol=0)


def test_its_gradient_is_the_published_one():
    maps = [each.clone().requires_grad_() for each in MAPS]
    gradients = torch.autograd.grad(correlation_penalty(maps).sum(), maps)
    for i, gradient in enumerate(gradients):
        expected = torch.from_numpy(VECTORS[f"reg/grad/{i}"])
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-7)


def test_standardized_maps_have_mean_0_and_rms_1():
    result = standardize(MAPS[2] * 3 + 1)
    torch.testing.assert_close(result.mean((2, 3)), torch.zeros(2, 1), rtol=0, atol=1e-6)
    torch.testing.assert_close(result.square().mean((2, 3)), torch.ones(2, 1), rtol=0, atol=1e-6)
