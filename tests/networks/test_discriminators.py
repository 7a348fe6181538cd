import math

import pytest
import torch

from stylegan_cli.networks.discriminators import Discriminator, MinibatchStd
from stylegan_cli.recipe import DiscriminatorSection
from stylegan_cli.sizes import square
from stylegan_cli.training.phases import r1_penalty
from tests.networks.vectors import DISCRIMINATORS, Vectors, deviation, discriminator
from tests.ops.derivatives import seeded

BACKENDS = ("eager", "ref")

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_file = pytest.mark.parametrize("name", DISCRIMINATORS)


def judged(name, backend):
    """The network of a file, its images and their logits."""
    vectors = Vectors(name)
    D = discriminator(vectors, backend)
    images = vectors["images"].requires_grad_()
    return vectors, D, images, D(images, vectors["c"])


@every_backend
@every_file
def test_logits_equal_the_original(name, backend):
    vectors, _, _, logits = judged(name, backend)
    assert deviation(logits, vectors["logits"]) < 1e-4


@every_backend
@every_file
def test_image_gradients_equal_the_original(name, backend):
    vectors, _, images, logits = judged(name, backend)
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert deviation(gradient, vectors["image_grad"]) < 1e-4


@every_backend
@every_file
def test_r1_and_its_gradients_equal_the_original(name, backend):
    vectors, D, images, logits = judged(name, backend)
    penalty = r1_penalty(logits, images, square(images.shape[3]))
    penalty.mean().backward()
    assert deviation(penalty, vectors["r1_sqnorm"]) < 1e-4
    expected = vectors.below("r1_grad/")
    assert expected
    for key, gradient in expected.items():
        assert deviation(D.get_parameter(key).grad, gradient) < 1e-3, key


def tiny(*, c_dim=0, **section):
    torch.manual_seed(0)
    return Discriminator(
        DiscriminatorSection(channel_base=64, channel_max=8, **section),
        size=square(8),
        channels=3,
        c_dim=c_dim,
    )


def test_groups_interleave():
    like_its_group = seeded(0, 1, 2, 4, 4).repeat(4, 1, 1, 1)
    x = seeded(1, 8, 2, 4, 4)
    x[0::2] = like_its_group  # samples 0, 2, 4, 6 are one group
    spread = MinibatchStd(4, 1)(x)[:, -1, 0, 0]
    assert spread[0::2].tolist() == pytest.approx([1e-4] * 4)  # the root of epsilon
    assert (spread[1::2] > 0.5).all()
    assert len(set(spread[1::2].tolist())) == 1


@pytest.mark.parametrize("channels", [1, 2])
def test_the_spread_is_the_mean_of_biased_deviations_in_the_group(channels):
    x = seeded(0, 4, 6, 4, 4)
    y = MinibatchStd(2, channels)(x)
    assert torch.equal(y[:, :6], x)
    for sample in range(4):
        group = x[sample % 2 :: 2]
        deviations = (group.var(0, unbiased=False) + 1e-8).sqrt()
        for channel, part in enumerate(deviations.chunk(channels)):
            expected = part.mean().expand(4, 4)
            torch.testing.assert_close(y[sample, 6 + channel], expected)


def test_a_batch_smaller_than_the_group_is_one_group():
    x = seeded(0, 2, 4, 4, 4)
    assert torch.equal(MinibatchStd(4, 1)(x), MinibatchStd(2, 1)(x))


def test_minibatch_deviation_can_be_left_out():
    images = seeded(0, 4, 3, 8, 8).float()
    D, nothing = tiny(mbstd_channels=0), torch.empty(4, 0)
    torch.testing.assert_close(D(images, nothing)[:1], D(images[:1], nothing[:1]))


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_that_take_every_kth_image_form_the_groups_of_one(world_size):
    images = seeded(0, 16, 3, 8, 8).float()
    D, nothing = tiny(mbstd_group_size=4), torch.empty(16, 0)
    together = D(images, nothing)
    for rank in range(world_size):
        share = slice(rank, None, world_size)
        torch.testing.assert_close(together[share], D(images[share], nothing[share]))


def test_a_label_is_compared_with_what_the_image_shows():
    D = tiny(c_dim=3)
    seen = {}
    D.b4.register_forward_hook(lambda _module, _inputs, output: seen.update(image=output))
    D.mapping.register_forward_hook(lambda _module, _inputs, output: seen.update(label=output))
    logits = D(seeded(0, 4, 3, 8, 8).float(), torch.eye(3)[[0, 1, 2, 0]])
    expected = torch.einsum("nf,nf->n", seen["image"], seen["label"]) / math.sqrt(8)
    torch.testing.assert_close(logits[:, 0], expected)


def test_labels_change_logits():
    D = tiny(c_dim=3)
    image = seeded(0, 1, 3, 8, 8).float()
    logits = [D(image, label[None]).item() for label in torch.eye(3)]
    assert len({round(logit, 4) for logit in logits}) == 3


def test_weights_of_a_label_network_are_not_averaged():
    assert "mapping.w_avg" not in tiny(c_dim=3).state_dict()


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_untrained_logits_are_of_order_1(architecture):
    D = tiny(architecture=architecture)
    logits = D(seeded(0, 64, 3, 8, 8).float(), torch.empty(64, 0))
    assert logits.isfinite().all()
    assert 0.01 < logits.square().mean().sqrt() < 10
