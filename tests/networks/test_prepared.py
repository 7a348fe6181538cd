import pytest
import torch

from stylegan_cli.networks.drawing import prepare
from stylegan_cli.networks.family import build_generator
from stylegan_cli.networks.noise import noise_maps
from stylegan_cli.recipe import load

SMALL = (
    "data.resolution=32",
    "generator.z_dim=16",
    "generator.w_dim=16",
    "generator.mapping_layers=2",
    "generator.channel_base=256",
    "generator.channel_max=16",
)
KINDS = {
    "stylegan2-skip": ("stylegan2",),
    "stylegan2-orig": ("stylegan2", "generator.architecture=orig"),
    "stylegan2-resnet": ("stylegan2", "generator.architecture=resnet"),
    "stylegan2-progressive": ("stylegan2-b",),
    "stylegan2-clamped": ("stylegan2", "generator.conv_clamp=0.5"),
    "stylegan1": ("stylegan1-f",),
    "stylegan1-traditional": ("stylegan1-b",),
    "stylegan1-latent-input": ("stylegan1-c",),
    "stylegan1-rosinality": ("stylegan1-f", "generator.variant=rosinality"),
    "progan": ("progan",),
}
GROWING = ("stylegan2-progressive", "stylegan1", "stylegan1-traditional", "progan")
every_kind = pytest.mark.parametrize("kind", KINDS)


def generator(kind, *overrides, c_dim=0, backend="auto"):
    family, *changes = KINDS[kind]
    recipe = load(family, [*SMALL, *changes, *overrides])
    G = build_generator(recipe, c_dim=c_dim, backend=backend).eval().requires_grad_(False)
    for layer in G.noise_layers:
        layer.noise_strength.fill_(0.3)
    return G


def styles(G, n=3):
    return torch.randn(n, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0))


def error(images, expected):
    return ((images - expected).norm() / expected.norm()).item()


@every_kind
@pytest.mark.parametrize("noise", ["const", "none", "random"])
def test_prepared_images_are_those_of_the_generator(kind, noise):
    G = generator(kind)
    maps = noise_maps(G.synthesis.noise_sizes, range(3), torch.device("cpu"))
    noise = maps if noise == "random" else noise
    expected = G.synthesis(styles(G), noise)
    assert error(prepare(G).synthesis(styles(G), noise), expected) < 2e-6
    halved = prepare(G, torch.bfloat16).synthesis(styles(G), noise)
    assert halved.dtype == torch.float32
    assert 1e-4 < error(halved, expected) < 2e-2


@every_kind
def test_prepared_images_are_those_of_the_definition(kind):
    G = generator(kind, backend="ref")
    prepared = prepare(generator(kind, backend="ref"))
    expected = G.synthesis(styles(G), "const")
    assert error(prepared.synthesis(styles(G), "const"), expected) < 2e-6


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_any_channels_are_prepared(channels):
    G = generator("stylegan2-skip", f"data.channels={channels}")
    images = prepare(G).synthesis(styles(G), "const")
    assert images.shape == (3, channels, 32, 32)
    assert error(images, G.synthesis(styles(G), "const")) < 2e-6


@pytest.mark.parametrize("kind", GROWING)
@pytest.mark.parametrize("lod", [0.5, 1.0, 1.25])
def test_a_growing_generator_is_prepared_at_its_level(kind, lod):
    G = generator(kind)
    G.lod = lod
    prepared = prepare(G)
    assert prepared.grown_size == G.grown_size
    assert prepared.synthesis.noise_sizes == G.synthesis.noise_sizes
    expected = G.synthesis(styles(G), "const")
    assert error(prepared.synthesis(styles(G), "const"), expected) < 2e-6


@every_kind
def test_a_prepared_mapping_gives_the_same_bits(kind):
    G = generator(kind, c_dim=2)
    z, c = torch.randn(3, G.z_dim), torch.eye(3)[:, :2]
    assert torch.equal(prepare(G).mapping(z, c), G.mapping(z, c))


@every_kind
def test_preparing_leaves_the_generator_as_it_is(kind):
    G = generator(kind)
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    prepare(G, torch.bfloat16).synthesis(styles(G), "const")
    assert G.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in G.state_dict().items())


@every_kind
def test_a_prepared_generator_has_the_same_attributes(kind):
    G = generator(kind)
    prepared = prepare(G)
    for fact in ("num_ws", "active_ws", "has_styles", "has_noise", "has_w", "grown_size", "c_dim"):
        assert getattr(prepared, fact) == getattr(G, fact), fact
    for own, layer in zip(prepared.noise_layers, G.noise_layers, strict=True):
        assert torch.equal(own.noise_const, layer.noise_const)
        assert torch.equal(own.noise_strength, layer.noise_strength)


@every_kind
def test_the_same_styles_give_the_same_bits_again(kind):
    prepared = prepare(generator(kind))
    first = prepared.synthesis(styles(prepared), "const").clone()
    assert torch.equal(prepared.synthesis(styles(prepared), "const"), first)
