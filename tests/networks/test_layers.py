import pytest
import torch

from stylegan_cli.networks.layers import Dense, features_by_level, normalize
from stylegan_cli.sizes import square
from tests.ops.derivatives import seeded


def test_normalized_rows_have_mean_square_1():
    x = 5 * seeded(0, 4, 16)
    torch.testing.assert_close(
        normalize(x).square().mean(1), torch.ones(4, dtype=x.dtype), rtol=1e-7, atol=0
    )


def test_a_row_of_zeros_stays_zero():
    assert not normalize(torch.zeros(2, 8)).any()


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_weights_are_stored_larger_by_what_they_learn_slower(lr_multiplier):
    torch.manual_seed(0)
    layer = Dense(64, 256, lr_multiplier=lr_multiplier, bias_init=1.0)
    assert layer.weight.std().item() == pytest.approx(1 / lr_multiplier, rel=0.03)
    assert (layer.bias == 1 / lr_multiplier).all()


def test_the_learning_rate_multiplier_changes_steps_not_values():
    x = seeded(0, 3, 16).float()
    layers = []
    for lr_multiplier in (1.0, 0.01):
        torch.manual_seed(0)
        layers.append(Dense(16, 8, lrelu=True, lr_multiplier=lr_multiplier, bias_init=0.5))
    plain, slow = layers
    torch.testing.assert_close(plain(x), slow(x))
    for layer in layers:
        layer(x).sum().backward()
    torch.testing.assert_close(slow.weight.grad, 0.01 * plain.weight.grad)
    torch.testing.assert_close(slow.bias.grad, 0.01 * plain.bias.grad)


@pytest.mark.parametrize(
    ("channel_base", "channels"),
    [
        (16_384, [512, 512, 512, 512, 256, 128, 64, 32, 16]),
        (32_768, [512, 512, 512, 512, 512, 256, 128, 64, 32]),
    ],
)
def test_feature_maps_halve_with_each_doubling(channel_base, channels):
    assert list(features_by_level(square(1024), channel_base, 512).values()) == channels
