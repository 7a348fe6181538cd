"""Sizes that are known before a network is built equal those of the built one."""

import pytest
import torch

from stylegan_cli.networks.family import build_generator, count_parameters
from stylegan_cli.networks.sizes import parameters_in, sizes_of, sizes_of_built
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.recipe import load
from tests.networks.families import GROWING, small


@pytest.mark.parametrize("kind", GROWING)
@pytest.mark.parametrize("lod", [0.0, 0.5, 1.0, 2.0])
def test_sizes_of_a_recipe_are_those_of_its_generator(kind, lod):
    recipe = small(kind)
    with torch.device("meta"):
        G = build_generator(recipe, c_dim=3)
    G.lod = lod
    assert sizes_of(recipe, w_dim=G.w_dim, c_dim=3, lod=lod) == sizes_of_built(G)


@pytest.mark.parametrize("name", ["stylegan3-small", "progan", "stylegan2-a"])
def test_sizes_of_shipped_recipes_are_those_of_their_generators(name):
    recipe = load(name)
    with torch.device("meta"):
        G = build_generator(recipe, c_dim=0)
    assert sizes_of(recipe, w_dim=G.w_dim, c_dim=0, lod=0.0) == sizes_of_built(G)


@pytest.mark.parametrize("kind", GROWING)
def test_parameters_are_counted_from_the_shapes_in_a_file(growing_networks, kind):
    network = load_network(growing_networks[kind].path, discriminator=True)
    counted = [
        parameters_in(network.shapes, prefix)
        for prefix in ("g_ema.mapping.", "g_ema.synthesis.", "d.")
    ]
    built = (network.G.mapping, network.G.synthesis, network.D)
    assert counted == [count_parameters(module) for module in built]


def test_parameters_of_a_shipped_recipe_are_counted_from_shapes():
    recipe = load("stylegan3-small")
    with torch.device("meta"):
        G = build_generator(recipe, c_dim=0)
    shapes = {f"g_ema.{name}": tuple(tensor.shape) for name, tensor in G.state_dict().items()}
    assert parameters_in(shapes, "g_ema.") == count_parameters(G)


def test_properties_are_those_of_the_generator(growing_networks, network):
    names = ("num_ws", "has_styles", "has_noise", "has_w", "grown_size", "active_ws")
    for each in (network, *growing_networks.values()):
        for name in names:
            assert getattr(each.sizes, name) == getattr(each.G, name)
