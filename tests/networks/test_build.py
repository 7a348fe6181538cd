from dataclasses import replace

import pytest
import torch

from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.recipe import GeneratorSection, load, loads
from tests.networks.families import ARCHITECTURES, GROWING, paper
from tests.networks.families import small as small_growing
from tests.ops.derivatives import seeded

NARROW = ("generator.channel_base=256", "generator.channel_max=16")


def small(seed=0, *, g="skip", d="resnet", resolution=32):
    generator = GeneratorSection(
        architecture=g, z_dim=32, w_dim=32, channel_base=1024, channel_max=32
    )
    return replace(paper(resolution, seed=seed, d=d), generator=generator)


@pytest.mark.parametrize(
    ("resolution", "num_ws"),
    [(8, 4), (16, 6), (32, 8), (64, 10), (128, 12), (256, 14), (512, 16), (1024, 18)],
)
@pytest.mark.parametrize("g", ARCHITECTURES)
def test_a_generator_takes_two_ws_a_resolution(resolution, num_ws, g):
    with torch.device("meta"):
        assert build_generator(paper(resolution, g=g), c_dim=0).num_ws == num_ws


def test_each_w_drives_its_own_layers():
    G = build_generator(small(resolution=16), c_dim=0)
    ws = seeded(0, 1, 6, 32).float().requires_grad_()
    read = {}
    for name, module in G.synthesis.named_modules():
        if name.endswith("affine"):
            module.register_forward_hook(
                lambda _module, inputs, _output, name=name: read.update({name: inputs[0]})
            )
    G.synthesis(ws, "none")
    places = {name: (ws == w).all(2).nonzero()[0, 1].item() for name, w in read.items()}
    assert places == {
        "b4.conv1.affine": 0,
        "b4.torgb.affine": 1,
        "b8.conv0.affine": 1,
        "b8.conv1.affine": 2,
        "b8.torgb.affine": 3,
        "b16.conv0.affine": 3,
        "b16.conv1.affine": 4,
        "b16.torgb.affine": 5,
    }


@pytest.mark.parametrize("kind", ["stylegan2-skip", "resnet", *GROWING, "stylegan3"])
def test_the_plain_backend_computes_in_bfloat16_too(kind):
    recipe = {
        "stylegan2-skip": small(resolution=16),
        "resnet": small(resolution=16, g="resnet", d="skip"),
        "stylegan3": load("stylegan3-small", ["data.resolution=16", *NARROW]),
    }.get(kind) or small_growing(kind)

    def drawn(dtype):
        G = build_generator(recipe, c_dim=0, dtype=dtype, backend="ref")
        D = build_discriminator(recipe, c_dim=0, dtype=dtype, backend="ref")
        images = G(seeded(0, 2, G.z_dim).float())
        return torch.cat([images.flatten(), D(images, images.new_empty(2, 0)).flatten()])

    exact, rounded = drawn(torch.float32), drawn(torch.bfloat16)
    assert 0 < (rounded - exact).norm() < 0.02 * exact.norm()


BUILDERS = pytest.mark.parametrize("build", [build_generator, build_discriminator])


def states_equal(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


@BUILDERS
def test_initial_weights_depend_on_the_seed_only(build):
    torch.manual_seed(1)
    first = build(small(), c_dim=2)
    torch.manual_seed(2)
    assert states_equal(first, build(small(), c_dim=2))
    assert not states_equal(first, build(small(seed=1), c_dim=2))


@BUILDERS
def test_initial_weights_do_not_depend_on_backend_or_precision(build):
    first = build(small(), c_dim=0)
    assert states_equal(first, build(small(), c_dim=0, backend="ref"))
    assert states_equal(first, build(small(), c_dim=0, dtype=torch.bfloat16))


@BUILDERS
def test_building_leaves_the_global_stream_alone(build):
    before = torch.get_rng_state()
    build(small(), c_dim=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_values_are_those_of_the_paper():
    G = build_generator(paper(16), c_dim=0)
    b8 = G.synthesis.b8
    assert b8.conv0.weight.std().item() == pytest.approx(1, rel=0.01)
    assert G.mapping.fc0.weight.std().item() == pytest.approx(100, rel=0.01)
    assert G.synthesis.b4.const.std().item() == pytest.approx(1, rel=0.05)
    assert b8.conv0.noise_const.std().item() == pytest.approx(1, rel=0.3)
    assert (b8.conv0.affine.bias == 1).all()
    zeros = [b8.conv0.bias, b8.conv0.noise_strength, b8.torgb.bias, G.mapping.fc0.bias]
    assert not any(tensor.any() for tensor in (*zeros, G.mapping.w_avg))


def initial_values(kind, ending):
    """Tensors of both networks, untrained and with many classes, by the ends of their names."""
    networks = [
        build(small_growing(kind), c_dim=50) for build in (build_generator, build_discriminator)
    ]
    named = [pair for network in networks for pair in network.state_dict().items()]
    found = [tensor for name, tensor in named if name.endswith(ending)]
    assert found
    return found


@pytest.mark.parametrize(
    ("kind", "ending", "value"),
    [
        ("stylegan1", "input.const", 1),
        ("stylegan1", "noise_strength", 0),
        ("stylegan1", "affine.bias", 0),
        ("stylegan1", "bias", 0),
        ("stylegan1", "w_avg", 0),
        ("progan", "bias", 0),
    ],
)
def test_constants_of_growing_networks_are_those_of_the_papers(kind, ending, value):
    assert all((tensor == value).all() for tensor in initial_values(kind, ending))


@pytest.mark.parametrize(
    ("kind", "ending", "std"),
    [
        ("stylegan1", ("fc0.weight", "fc1.weight"), 100),
        ("stylegan1", "embedding", 1),
        ("stylegan1", "affine.weight", 1),
        ("stylegan1", ("conv0.weight", "conv1.weight"), 1),
        ("stylegan1", "rgb.weight", 1),
        ("stylegan1", "noise_const", 1),
        ("progan", "input.weight", 1),
        ("progan", ("conv0.weight", "conv1.weight"), 1),
        ("progan", "rgb.weight", 1),
        ("progan", ("fc.weight", "out.weight"), 1),
    ],
)
def test_weights_of_growing_networks_are_as_spread_as_those_of_the_papers(kind, ending, std):
    values = torch.cat([tensor.flatten() for tensor in initial_values(kind, ending)])
    assert values.std().item() == pytest.approx(std, rel=0.2)


@pytest.mark.parametrize("g", ARCHITECTURES)
def test_untrained_feature_maps_neither_vanish_nor_explode(g):
    G = build_generator(small(g=g), c_dim=0)
    energies = {}
    for side in G.synthesis.levels:
        G.synthesis.get_submodule(f"b{side}").register_forward_hook(
            lambda _module, _inputs, x, side=side: energies.update({side: x.square().mean()})
        )
    z = seeded(0, 8, 32).float()
    w = G.mapping(z, z.new_empty(8, 0))
    images = G.synthesis(w[:, None].repeat(1, G.num_ws, 1), "const")
    assert images.isfinite().all()
    assert 0.1 < images.std() < 10
    # zero padding and the filter take some of the variance that demodulation keeps
    assert all(0.05 < energy < 3 for energy in energies.values()), energies


def test_the_discriminator_follows_the_generators_widths_unless_set():
    shared = ("data.resolution=32", "generator.channel_base=1024", "generator.channel_max=64")
    own = (*shared, "discriminator.channel_base=256", "discriminator.channel_max=8")
    with torch.device("meta"):
        follows, differs = (
            build_discriminator(loads("", overrides=each), c_dim=0) for each in (shared, own)
        )
    assert follows.b32.conv0.weight.shape[0] == 32
    assert differs.b32.conv0.weight.shape[0] == 8
