import pytest
import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.networks.snapshot import load_network
from tests.interop import rosinality1 as reference
from tests.networks.vectors import deviation


def read(path, content):
    torch.save(content, path)
    return read_foreign(path)


@pytest.fixture(scope="module")
def original():
    return reference.generator_state()


@pytest.fixture(scope="module")
def network(original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rosinality")
    save_foreign(read(folder / "checkpoint.model", original), folder / "ours.safetensors")
    return load_network(folder / "ours.safetensors")


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_w_equals_the_original(original, network):
    z = seeded(4, reference.CODE)
    expected = reference.map_latents(original, z)
    assert deviation(network.G.mapping(z, torch.empty(4, 0)), expected) < 1e-5


def test_images_equal_the_original(original, network):
    ws = seeded(2, network.G.num_ws, reference.CODE)
    noise = [layer.noise_const for layer in network.G.noise_layers[::2]]
    expected = reference.generate(original, ws, noise)
    assert deviation(network.G.synthesis(ws, "const"), expected) < 1e-5


def test_both_layers_of_a_resolution_have_one_noise(network):
    layers = network.G.noise_layers
    for first, second in zip(layers[::2], layers[1::2], strict=True):
        assert torch.equal(first.noise_const, second.noise_const)


def test_the_mean_of_w_is_estimated(original, network):
    expected = reference.map_latents(original, seeded(20_000, reference.CODE)).mean(0)
    torch.testing.assert_close(network.G.mapping.w_avg, expected, rtol=0, atol=0.05)


def test_the_average_is_taken_and_the_rest_told(original, tmp_path):
    other = reference.generator_state(seed=1)
    content = {"generator": other, "g_running": original, "discriminator": {}, "g_optimizer": {}}
    foreign = read(tmp_path / "train_step-4.model", content)
    const = original["generator.progression.0.conv1.input"][0]
    assert torch.equal(foreign.tensors["g_ema.synthesis.b4.input.const"], const)
    assert foreign.unused == ("generator", "discriminator", "g_optimizer")
    assert "its discriminator is built differently from StyleGAN's and is left out" in foreign.notes
    assert not foreign.has_discriminator


def test_layers_that_were_never_trained_are_left_out(original, tmp_path):
    untouched = {**original, "generator.to_rgb.3.conv.bias": torch.zeros(3)}
    foreign = read(tmp_path / "early.model", untouched)
    assert foreign.recipe.data.resolution == 16
    assert foreign.unused == ("generator.progression.3",)
    assert "was trained up to 16 px; the layers above are left out" in foreign.notes


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("generator.progression.1.conv1.2.weight", torch.ones(1, 1, 3, 3) / 9, "filter 1, 2, 1"),
        ("generator.progression.1.attention.weight", torch.ones(1), "is not a tensor of such a"),
        ("generator.progression.2.conv2.conv.bias", None, "no weights for g_ema.synthesis.b16"),
        ("generator.to_rgb.1.conv.bias", None, "no weights for g_ema.synthesis.b8.torgb.bias"),
        ("generator.progression.1.noise1.weight_orig", torch.zeros(1, 0, 1, 1), "does not fit"),
        ("generator.progression.1.adain1.style.linear.bias", torch.ones(1), "does not fit"),
    ],
)
def test_other_networks_end_in_words(name, value, words, original, tmp_path):
    state = {**original, name: value}
    with pytest.raises(ForeignFileError, match=words):
        read(tmp_path / "x.model", {key: each for key, each in state.items() if each is not None})
