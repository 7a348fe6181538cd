import numpy as np
import pytest
import torch

from stylegan_cli.networks.drawing import prepare
from stylegan_cli.networks.styles import moved_styles, style_layers, styles_of
from stylegan_cli.studies.discovery.channels import all_styles, channels_of, ranking, relevance
from tests.directions.vectors import reference, reference_generator

V = {key.removeprefix("styles/"): values for key, values in reference().items()}


def population(G):
    w = torch.tensor(reference()["pca/w"][:600])
    return all_styles(G, w[:, None].expand(-1, G.num_ws, -1))


def test_style_layers_equal_the_reference():
    layers = style_layers(reference_generator("sg2_g_skip_64"))
    assert [layer.name for layer in layers] == V["layers"].tolist()
    assert [layer.channels for layer in layers] == V["sizes"].tolist()
    # toRGB shares its w with the convolution that follows
    assert [layer.w_index for layer in layers] == [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9]


def test_population_and_relevance_equal_the_reference():
    G = reference_generator("sg2_g_skip_64")
    styles = population(G)
    channels = channels_of(G, styles)
    np.testing.assert_allclose(channels.mean, V["population_mean"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(channels.std, V["population_std"], rtol=1e-5)
    np.testing.assert_array_equal(channels.is_rgb, V["is_torgb"])
    found = relevance(styles[V["examples"]], channels)
    np.testing.assert_allclose(np.abs(found), V["theta"], rtol=1e-4)
    order = ranking(found, channels.listed(rgb=True))
    np.testing.assert_array_equal(order, V["ranking"])
    assert order[0] == 5


@pytest.mark.parametrize("name", ["sg2_g_skip_64", "sg1_32", "sg2_g_resnet_32", "sg3_t_32"])
def test_a_prepared_network_has_the_same_styles(name):
    G = reference_generator(name)
    ws = torch.randn(2, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))
    plain, prepared = styles_of(G, ws), styles_of(prepare(G), ws)
    torch.testing.assert_close(plain, prepared)


def test_styles_moved_by_a_biased_affine_map_are_the_same_images():
    for name in ("sg2_g_skip_64", "sg1_32"):
        G = reference_generator(name)
        ws = torch.randn(2, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))
        offsets = torch.zeros_like(styles_of(G, ws))
        offsets[0, 5], offsets[1, -3] = 3.0, -2.0
        images = []
        for network in (G, prepare(G)):
            with moved_styles(network, offsets) as synthesis:
                images.append(synthesis(ws, "const"))
        assert not torch.equal(images[0], G.synthesis(ws, "const"))
        torch.testing.assert_close(*images, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(
            prepare(G).synthesis(ws, "const"), G.synthesis(ws, "const"), rtol=1e-3, atol=1e-3
        )


def test_a_network_without_styles_has_no_style_layers():
    assert style_layers(reference_generator("progan_32")) == ()
