from dataclasses import replace

import numpy as np
import pytest
import torch

from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.noise import NOISE_MODES, noise_maps
from stylegan_cli.networks.snapshot import load_network, save_network
from stylegan_cli.rendering.plan import Tables
from stylegan_cli.rendering.render import noise_input, render, to_images, to_pixels
from stylegan_cli.sizes import square
from stylegan_cli.studies.grid import grid
from tests.tiny import tiny_growing, write_network


def draw(network, seeds, **options):
    """Pixels of the seeds' images, in the order of the seeds."""
    batch_size = options.pop("batch_size", None)
    plan = grid(network, seeds, Sampling(**options))
    cells = {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=batch_size)}
    return np.stack([cells[address] for address in plan.addresses])


@pytest.mark.parametrize(
    ("value", "byte"),
    [(-2, 0), (-1, 0), (-0.997, 0), (-0.996, 1), (0, 128), (0.9959, 254), (0.997, 255), (3, 255)],
)
def test_floats_become_bytes_by_truncation(value, byte):
    assert (to_pixels(torch.full((1, 3, 2, 2), float(value))) == byte).all()


def test_pixels_are_channels_last():
    images = torch.zeros(1, 3, 2, 4)
    images[0, 1] = 1
    assert to_pixels(images)[0, 1, 3].tolist() == [128, 255, 128]


@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_an_image_does_not_depend_on_its_batch(network, noise_mode):
    alone = draw(network, range(7), noise_mode=noise_mode, batch_size=1)
    for batch_size in (2, 7):
        together = draw(network, range(7), noise_mode=noise_mode, batch_size=batch_size)
        assert np.abs(alone.astype(int) - together).max() <= 1


@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_an_image_does_not_depend_on_its_place(network, noise_mode):
    first, second = (draw(network, seeds, noise_mode=noise_mode) for seeds in ([4, 9, 1], [1, 4]))
    assert np.abs(first[0].astype(int) - second[1]).max() <= 1
    assert np.abs(first[2].astype(int) - second[0]).max() <= 1


def test_noise_modes_differ(network):
    const, random, none = (
        draw(network, [3], noise_mode=mode).astype(int) for mode in ("const", "random", "none")
    )
    assert np.abs(const - none).max() > 1
    assert np.abs(const - random).max() > 1
    assert np.abs(random - none).max() > 1


def test_random_noise_follows_the_noise_seed_alone(network):
    plan = grid(network, [3, 4], Sampling(noise_mode="random"))
    ws = np.repeat(plan.codes.ws[:1], 2, axis=0)
    codes = Codes(ws=ws, noise_seed=plan.codes.noise_seed, labels=plan.codes.labels)
    plan = replace(plan, make=lambda: Tables(codes=codes))
    one, other = (cell.pixels.astype(int) for cell in render(network.G, plan))
    assert np.abs(one - other).max() > 1


def with_noise_modes(plan, modes):
    codes = replace(plan.codes, noise_modes=np.array(modes, np.int8))
    return replace(plan, make=lambda: Tables(codes=codes))


def images(network, plan):
    return [cell.pixels.astype(int) for cell in render(network.G, plan)]


@pytest.mark.parametrize("mode", NOISE_MODES)
def test_one_mode_for_every_input_is_that_of_the_plan(network, mode):
    plan = grid(network, [3, 4], Sampling(noise_mode=mode))
    modes = np.full((2, len(network.G.noise_layers)), NOISE_MODES.index(mode))
    for named, numbered in zip(
        images(network, plan), images(network, with_noise_modes(plan, modes)), strict=True
    ):
        assert np.array_equal(named, numbered)


@pytest.mark.parametrize("kind", ["stylegan1", "stylegan2"])
@pytest.mark.parametrize("mode", ["const", "random"])
def test_each_noise_input_gets_what_its_mode_says(growing_networks, kind, mode):
    network = growing_networks[kind]
    layers = network.G.noise_layers
    fresh = noise_maps(network.G.synthesis.noise_sizes, [7], torch.device("cpu"))
    for i, layer in enumerate(layers):
        modes = np.zeros((1, len(layers)), np.int8)
        modes[0, i] = NOISE_MODES.index(mode)
        maps = noise_input(network.G, modes, [7])
        expected = layer.noise_const[None, None] if mode == "const" else fresh[i]
        assert torch.equal(maps[i], expected)
        assert not any(other.any() for other in (*maps[:i], *maps[i + 1 :]))


@pytest.mark.parametrize(("kind", "sides"), [("stylegan1", (4, 4, 8, 8)), ("stylegan2", (4, 8, 8))])
def test_a_network_half_grown_has_the_noise_layers_of_what_has_grown(growing_networks, kind, sides):
    G = growing_networks[kind].G
    full = len(G.noise_layers)
    G.lod = 1.0
    try:
        assert tuple(len(layer.noise_const) for layer in G.noise_layers) == sides
    finally:
        G.lod = 0.0
    assert len(G.noise_layers) == full == len(sides) + 2


def test_a_network_without_noise_inputs_has_no_noise_layers(growing_networks):
    assert growing_networks["progan"].G.noise_layers == ()


def test_images_with_other_noise_inputs_are_other_images(network):
    plan = grid(network, [3, 3], Sampling())
    one, other = images(network, with_noise_modes(plan, [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]))
    assert np.abs(one - other).max() > 1


def test_equal_codes_give_equal_bits(network):
    images = draw(network, [5, 6, 5, 7, 5], batch_size=2)
    assert np.array_equal(images[0], images[2])
    assert np.array_equal(images[0], images[4])


def test_every_image_of_a_plan_is_drawn_once(network):
    plan = grid(network, [5, 6, 5, 7, 5])
    drawn = [cell.address for cell in render(network.G, plan, batch_size=2)]
    assert sorted(drawn) == plan.addresses


def test_skipped_images_leave_the_others_as_they_are(network):
    plan = grid(network, [5, 6, 5, 7, 8])
    everything = {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=3)}
    skip = {plan.addresses[i] for i in (0, 1, 4)}
    rest = {cell.address: cell.pixels for cell in render(network.G, plan, batch_size=3, skip=skip)}
    assert rest.keys() == everything.keys() - skip
    assert all(np.array_equal(rest[address], everything[address]) for address in rest)


@pytest.mark.parametrize("channels", [1, 4])
def test_images_have_the_networks_channels(tmp_path, channels):
    path = write_network(tmp_path / "network-000000.safetensors", resolution=8, channels=channels)
    assert draw(load_network(path), [0]).shape == (1, 8, 8, channels)


def test_a_network_still_growing_draws_blown_up_pictures(tmp_path):
    recipe, path = tiny_growing(), tmp_path / "network-000000.safetensors"
    header = Header(
        recipe=recipe, c_dim=0, classes=(), kimg=0.0, lod=1.0, licence="", provenance={}
    )
    G, D = build_generator(recipe, c_dim=0), build_discriminator(recipe, c_dim=0)
    save_network(path, header, G, D)
    pixels = draw(load_network(path), range(3))
    assert pixels.shape == (3, 16, 16, 3)
    small = pixels[:, ::2, ::2]
    assert np.array_equal(pixels, small.repeat(2, axis=1).repeat(2, axis=2))
    assert len(np.unique(small)) > 8


@pytest.mark.parametrize(("resolution", "images"), [(8, 32), (256, 32), (512, 16), (1024, 4)])
def test_batches_shrink_for_large_images(resolution, images):
    assert default_batch_size(square(resolution)) == images


def test_every_byte_comes_back_from_images():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = to_images(torch.from_numpy(pixels))
    assert images.shape == (1, 1, 16, 16) and images.aminmax() == (-1, 1)
    np.testing.assert_array_equal(to_pixels(images), pixels)
