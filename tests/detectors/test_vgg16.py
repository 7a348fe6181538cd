import pytest
import torch

from stylegan_cli.detectors.trunks import Lpips, Vgg16Features, vgg16
from stylegan_cli.detectors.weights import find_weights, read_weights
from tests.detectors.made import deviation, made, vectors


@pytest.fixture(scope="module")
def lpips():
    """LPIPS over a made trunk, with the published heads."""
    network = made(lambda: Lpips(vgg16()))
    heads = read_weights(find_weights("lpips_vgg16_heads"))
    network.load_state_dict(heads, strict=False)
    return network


@torch.no_grad()
def test_the_last_convolution_equals_the_original(lpips):
    images = vectors("vgg_images")[:1].float()
    means = lpips.features(lpips.scale(images)).mean((2, 3))
    assert deviation(means, vectors("vgg_conv5_relu_mean_per_channel")[:1]) < 1e-5


@pytest.mark.parametrize("other", ["b", "b2"])
def test_lpips_equals_the_original(lpips, other):
    distances = lpips.distance(vectors("lpips_a"), vectors(f"lpips_{other}"))
    torch.testing.assert_close(distances, vectors(f"lpips_a{other}"), rtol=1e-4, atol=0)


def test_the_shipped_heads_are_the_published_ones():
    heads = read_weights(find_weights("lpips_vgg16_heads"))
    assert all(torch.equal(heads[f"heads.{i}"], vectors(f"lpips_lin/lin{i}")) for i in range(5))


@pytest.mark.slow
def test_the_fully_connected_layers_equal_the_original():
    features = made(Vgg16Features)(vectors("vgg_images"))
    assert deviation(features, vectors("vgg_fc2_relu")) < 1e-4
