"""Networks of rectangles: turned pictures are made, and judged alike, by turned networks."""

import pytest
import torch

from stylegan_cli.networks.drawing import prepare
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.recipe import loads
from stylegan_cli.sizes import Size
from stylegan_cli.training.phases import path_lengths
from tests.networks.families import ARCHITECTURES, GROWING, OWN, SMALL
from tests.ops.derivatives import seeded

KINDS = {
    **OWN,
    **{
        name: (f"generator.architecture={name}", f"discriminator.architecture={name}")
        for name in ARCHITECTURES
    },
    "latent-input": (*OWN["stylegan1"], "generator.input=latent"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_level = pytest.mark.parametrize(
    ("kind", "lod"), [(kind, 0.0) for kind in KINDS] + [(kind, 1.25) for kind in GROWING]
)


def recipe_of(kind, resolution, *more):
    return loads("", overrides=[*SMALL, *KINDS[kind], f"data.resolution={resolution}", *more])


def turn(state, target):
    """Swap rows and columns of everything that lies in the plane of the image."""
    turned = {}
    for name, tensor in state.items():
        if name.endswith(("const", "noise_const")) or tensor.ndim == 4:
            tensor = tensor.transpose(-1, -2)
        elif name.endswith("input.weight"):
            tensor = tensor.unflatten(0, (-1, 2, 3)).transpose(1, 2).flatten(0, 2)
        elif name == "b4.fc.weight":
            tensor = tensor.unflatten(1, (-1, 2, 3)).transpose(2, 3).flatten(1)
        turned[name] = tensor.reshape(target[name].shape)
    return turned


def pair(build, kind, lod=0.0, **options):
    """A network of 24×16 pixels, and the same one turned."""
    lying, standing = (
        build(recipe_of(kind, text), c_dim=0, **options) for text in ("24x16", "16x24")
    )
    with torch.no_grad():
        for name, parameter in lying.named_parameters():
            if "noise_strength" in name:
                parameter.fill_(0.5)
    standing.load_state_dict(turn(lying.state_dict(), standing.state_dict()))
    lying.lod = standing.lod = lod
    return lying, standing


def codes(G, n=2):
    w = G.mapping(seeded(0, n, G.z_dim).float(), torch.empty(n, 0))
    return w[:, None].repeat(1, G.num_ws, 1)


@every_level
@pytest.mark.parametrize("backend", ["ref", "eager"])
def test_a_turned_generator_makes_turned_images(kind, lod, backend):
    lying, standing = pair(build_generator, kind, lod, backend=backend)
    images = lying.synthesis(codes(lying), "const")
    assert images.shape == (2, 3, *lying.grown_size.shape)
    assert lying.grown_size == (Size(16, 24) >> int(lod))
    turned = standing.synthesis(codes(lying), "const")
    torch.testing.assert_close(turned.mT, images, rtol=0, atol=1e-5)


@every_kind
def test_a_prepared_generator_makes_the_same_rectangles(kind):
    G, _ = pair(build_generator, kind)
    images = prepare(G).synthesis(codes(G), "const")
    torch.testing.assert_close(images, G.synthesis(codes(G), "const"), rtol=0, atol=1e-5)


@every_level
def test_a_turned_discriminator_judges_turned_images_alike(kind, lod):
    lying, standing = pair(build_discriminator, kind, lod)
    images = seeded(1, 4, 3, *(lying.size >> int(lod)).shape).float()
    c = torch.empty(4, 0)
    torch.testing.assert_close(standing(images.mT, c), lying(images, c), rtol=0, atol=1e-5)


@every_kind
def test_a_square_may_be_written_as_a_rectangle(kind):
    for build in (build_generator, build_discriminator):
        side, both = (build(recipe_of(kind, text), c_dim=0) for text in ("16", "16x16"))
        ours, theirs = side.state_dict(), both.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("kind", ["skip", "resnet", "stylegan1", "progan"])
def test_gradients_on_a_grid_of_3_by_2_are_right(kind):
    small = ("generator.channel_max=2", "generator.z_dim=3", "generator.w_dim=3")
    recipe = recipe_of(kind, "6x4", *small, "discriminator.mbstd_group_size=2")
    G = build_generator(recipe, c_dim=0, dtype=torch.float64).double()
    D = build_discriminator(recipe, c_dim=0, dtype=torch.float64).double()
    ws = seeded(0, 2, 1, G.w_dim).expand(-1, G.num_ws, -1).clone().requires_grad_()

    def scores(ws):
        return D(G.synthesis(ws, "const"), ws.new_empty(2, 0))

    assert G.size.base == Size(2, 3)
    assert torch.autograd.gradcheck(scores, ws)
    assert torch.autograd.gradgradcheck(scores, ws)


def test_path_lengths_are_those_of_turned_images():
    lying, standing = pair(build_generator, "skip")
    ws = codes(lying).detach().requires_grad_()
    images = lying.synthesis(ws, "const")
    noise = seeded(3, *images.shape).float()
    expected = path_lengths(images, ws, noise)
    found = path_lengths(standing.synthesis(ws, "const"), ws, noise.mT)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)
