import pytest
import torch

from stylegan_cli.networks.generator import MappingNetwork, MappingOptions
from tests.ops.derivatives import seeded


def mapping(*, z_dim=8, c_dim=3, layers=2, labels="projected", w_avg_beta=0.995):
    torch.manual_seed(0)
    options = MappingOptions(layers=layers, labels=labels, w_avg_beta=w_avg_beta)
    return MappingNetwork(z_dim=z_dim, c_dim=c_dim, w_dim=16, options=options)


def latents(n=4):
    return seeded(0, n, 8).float(), torch.eye(3)[torch.arange(n) % 3]


def test_latents_and_labels_are_normalised_apart():
    network, (z, c) = mapping(), latents()
    w = network(z, c)
    torch.testing.assert_close(network(5 * z, c), w)
    torch.testing.assert_close(network(z, 5 * c), w)


@pytest.mark.parametrize("labels", ["embedded", "joined"])
def test_embedded_and_joined_labels_are_normalised_with_the_latents(labels):
    network, (z, c) = mapping(labels=labels), latents()
    torch.testing.assert_close(network(5 * z, 5 * c), network(z, c))
    assert not torch.allclose(network(5 * z, c), network(z, c))


@pytest.mark.parametrize(("labels", "width"), [("embedded", 8 + 8), ("joined", 8 + 3)])
def test_without_layers_w_is_what_comes_in(labels, width):
    network, (z, c) = mapping(labels=labels, layers=0), latents()
    w = network(z, c)
    assert w.shape == (4, width) and network.w_dim == width and network.w_avg.shape == (width,)
    torch.testing.assert_close(w.square().mean(1), torch.ones(4))


def test_a_latent_maps_the_same_alone_and_in_a_batch():
    network, (z, c) = mapping(), latents()
    torch.testing.assert_close(network(z[2:3], c[2:3]), network(z, c)[2:3])


def test_labels_change_w():
    network, (z, c) = mapping(), latents()
    assert (network(z, c) - network(z, c.roll(1, 1))).abs().min(1).values.max() > 1e-3


def test_the_last_layer_is_activated_too():
    network, (z, c) = mapping(), latents(64)
    w = network(z, c)
    assert -w.min() < 0.5 * w.max()  # a slope of 0.2 below zero


@pytest.mark.parametrize("layers", [1, 2, 8])
def test_untrained_ws_have_mean_square_1(layers):
    w = mapping(c_dim=0, layers=layers)(seeded(0, 256, 8).float(), torch.empty(256, 0))
    assert 0.3 < w.square().mean() < 3


def test_the_mean_of_w_starts_at_zero_and_moves_by_its_share():
    network = mapping(w_avg_beta=0.9)
    assert not network.w_avg.any()
    first, second = seeded(1, 16).float(), seeded(2, 16).float()
    network.track(first)
    torch.testing.assert_close(network.w_avg, 0.1 * first)
    network.track(second)
    torch.testing.assert_close(network.w_avg, 0.9 * 0.1 * first + 0.1 * second)


def test_tracking_leaves_no_graph():
    network, (z, c) = mapping(), latents()
    network.track(network(z, c).mean(0))
    assert not network.w_avg.requires_grad


def test_mapping_moves_no_mean_by_itself():
    network, (z, c) = mapping(), latents()
    network(z, c)
    assert not network.w_avg.any()


def test_the_mean_is_state_not_a_parameter():
    network = mapping()
    assert "w_avg" in network.state_dict()
    assert "w_avg" not in dict(network.named_parameters())


def test_labels_map_without_latents():
    network = mapping(z_dim=0, w_avg_beta=None)
    assert network(torch.empty(3, 0), torch.eye(3)).shape == (3, 16)
    assert "w_avg" not in network.state_dict()
