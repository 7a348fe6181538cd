import pytest
import torch

from stylegan_cli.networks.family import build_discriminator
from stylegan_cli.networks.layers import halve
from stylegan_cli.runtime import World
from stylegan_cli.sizes import square
from stylegan_cli.training.phases import gradient_norm, path_length_penalty, r1_penalty
from tests.tiny import tiny_growing

NO_LABELS = torch.zeros(4, 0)


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def D():
    return build_discriminator(tiny_growing("data.resolution=32"), c_dim=0)


def plain_gradient(D, images, see=lambda images: images):
    images = images.clone().requires_grad_()
    scores = D(see(images), NO_LABELS)
    return torch.autograd.grad(scores.sum(), images, create_graph=True)[0]


def test_r1_is_the_squared_gradient(D):
    images = noise(4, 3, 32, 32).requires_grad_()
    expected = plain_gradient(D, images.detach()).square().sum((1, 2, 3))
    torch.testing.assert_close(r1_penalty(D(images, NO_LABELS), images, square(32)), expected)


def test_the_norm_is_that_of_the_gradient(D):
    images = noise(4, 3, 32, 32).requires_grad_()
    expected = plain_gradient(D, images.detach()).square().sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(gradient_norm(D(images, NO_LABELS), images, square(32)), expected)


@pytest.mark.parametrize("lod", [2.0, 1.5, 1.0, 0.25])
def test_small_images_are_penalized_as_the_full_size_ones_they_are_means_of(D, lod):
    D.lod = lod
    full = noise(4, 3, 32, 32)

    def shrink(images):
        for _ in range(int(lod)):
            images = halve(images)
        return images

    expected = plain_gradient(D, full, shrink).square().sum((1, 2, 3))
    images = shrink(full).requires_grad_()
    scores = D(images, NO_LABELS)
    torch.testing.assert_close(r1_penalty(scores, images, square(32)), expected)
    torch.testing.assert_close(gradient_norm(scores, images, square(32)), expected.sqrt())


def test_penalties_train_the_weights(D):
    images = noise(4, 3, 32, 32)

    def weight_gradients(penalty):
        return torch.autograd.grad(penalty.sum(), list(D.parameters()), allow_unused=True)

    expected = weight_gradients((plain_gradient(D, images).flatten(1).norm(dim=1) - 1).square())
    images.requires_grad_()
    norm = gradient_norm(D(images, NO_LABELS), images, square(32))
    for found, wanted in zip(weight_gradients((norm - 1).square()), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_running_mean_of_path_lengths_carries_the_gradient_of_the_batch():
    lengths = noise(4).requires_grad_()
    mean = 0.75 * torch.tensor(2.0) + 0.25 * lengths.mean()
    (expected,) = torch.autograd.grad((lengths - mean).square().mean(), lengths)
    penalty, new_mean = path_length_penalty(lengths, torch.tensor(2.0), 0.25, World())
    (found,) = torch.autograd.grad(penalty.mean(), lengths)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(new_mean, mean.detach())
