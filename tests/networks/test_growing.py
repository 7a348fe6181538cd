import pytest
import torch

from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.layers import fade, halve, split_lod, upscale
from stylegan_cli.sizes import square
from tests.networks.families import GROWING, small
from tests.ops.derivatives import seeded

every_growing = pytest.mark.parametrize("family", GROWING)


def logits_of(D, images):
    return D(images, images.new_empty(len(images), 0))


def images_of(G, n=2):
    w = G.mapping(seeded(0, n, G.z_dim).float(), torch.empty(n, 0))
    return G.synthesis(w[:, None].repeat(1, G.num_ws, 1), "const")


@pytest.mark.parametrize(
    ("lod", "levels", "share"), [(0.0, 0, 0.0), (2.0, 2, 0.0), (2.25, 2, 0.25)]
)
def test_lod_is_whole_levels_and_a_share(lod, levels, share):
    assert split_lod(lod) == (levels, share)


def test_halving_undoes_upscaling():
    images = seeded(0, 2, 3, 4, 4)
    torch.testing.assert_close(halve(upscale(images, square(8))), images)


def test_upscaling_repeats_pixels():
    image = torch.arange(4.0).reshape(1, 1, 2, 2)
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert upscale(image, square(4))[0, 0].tolist() == expected


def test_a_fade_starts_at_the_old_level_and_ends_at_the_new():
    new, old = torch.ones(1), torch.zeros(1)
    assert [fade(new, old, share).item() for share in (1.0, 0.25, 0.0)] == [0.0, 0.75, 1.0]


@every_growing
@pytest.mark.parametrize("levels", [0, 1, 2])
def test_images_are_as_large_as_the_network_has_grown(family, levels):
    G = build_generator(small(family), c_dim=0)
    G.lod = float(levels)
    assert images_of(G).shape == (2, 3, *G.grown_size.shape)
    assert G.grown_size == square(16 >> levels)


@every_growing
@pytest.mark.parametrize("lod", [1.0, 2.0])
def test_images_pass_from_level_to_level_without_a_jump(family, lod):
    G = build_generator(small(family), c_dim=0)
    G.lod = lod
    before = images_of(G)
    G.lod = lod - 1e-6
    torch.testing.assert_close(
        images_of(G), upscale(before, square(before.shape[-1] * 2)), rtol=0, atol=1e-4
    )


@every_growing
@pytest.mark.parametrize("lod", [1.0, 2.0])
def test_logits_pass_from_level_to_level_without_a_jump(family, lod):
    D = build_discriminator(small(family), c_dim=0)
    D.lod = lod
    images = seeded(0, 4, 3, 16 >> int(lod), 16 >> int(lod)).float()
    before = logits_of(D, images)
    D.lod = lod - 1e-6
    after = logits_of(D, upscale(images, square(2 * images.shape[-1])))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-4)


@every_growing
def test_only_layers_in_use_get_gradients(family):
    G = build_generator(small(family), c_dim=0)
    G.lod = 1.5
    images_of(G).square().mean().backward()
    used = {
        name.split(".")[1]
        for name, p in G.synthesis.named_parameters(prefix="g")
        if p.grad is not None
    }
    assert used == {"b4", "b8"}


@every_growing
def test_half_precision_stays_close(family):
    exact, rounded = (
        build_generator(small(family), c_dim=0, dtype=dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    expected, got = images_of(exact), images_of(rounded)
    assert got.dtype == torch.float32
    assert 0 < (got - expected).norm() / expected.norm() < 2e-2


@pytest.mark.parametrize(
    ("family", "resolutions"),
    [
        ("progan", ()),
        ("traditional", ()),
        ("stylegan1", (4, 4, 8, 8)),
        ("stylegan2", (4, 8, 8)),
    ],
)
def test_noise_inputs_are_those_in_use(family, resolutions):
    G = build_generator(small(family), c_dim=0)
    G.lod = 1.5
    assert G.synthesis.noise_sizes == tuple(map(square, resolutions))
    assert G.has_noise == bool(resolutions)


@pytest.mark.parametrize(
    ("family", "styles", "w", "active"),
    [
        ("progan", False, False, 1),
        ("traditional", False, True, 1),
        ("stylegan1", True, True, 4),
        ("stylegan2", True, True, 4),
    ],
)
def test_a_generator_knows_its_capabilities(family, styles, w, active):
    G = build_generator(small(family), c_dim=0)
    G.lod = 1.0
    assert (G.has_styles, G.has_w, G.active_ws) == (styles, w, active)
