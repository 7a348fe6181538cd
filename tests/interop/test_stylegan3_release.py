import re

import pytest
import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import save_foreign
from stylegan_cli.interop.reading import read_foreign
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.rendering.render import to_pixels
from tests.interop.made import as_modules, dumped
from tests.networks.vectors import FOLDER, Vectors, deviation

NAMES = ("sg3_t_32", "sg3_r_cond_32")


@pytest.fixture(scope="module", params=NAMES)
def converted(request, tmp_path_factory):
    foreign = read_foreign(FOLDER / f"{request.param}.pkl")
    path = tmp_path_factory.mktemp("converted") / "network.safetensors"
    save_foreign(foreign, path)
    return Vectors(request.param), foreign, load_network(path, discriminator=True)


def test_the_averaged_generator_makes_the_images_of_the_original(converted):
    vectors, _, network = converted
    G = network.G
    w = G.mapping(vectors["z"], vectors["c"])
    ws = w[:, None].expand(-1, G.num_ws, -1)
    images = G.synthesis(ws, "const")
    assert deviation(ws, vectors["ws"]) < 1e-5
    assert deviation(images, vectors["img_const"]) < 3e-4
    levels = to_pixels(images).astype(int) - to_pixels(vectors["img_const"])
    assert abs(levels).max() <= 1


def test_options_become_keys_of_the_recipe(converted):
    vectors, foreign, _ = converted
    config, recipe = vectors.config, foreign.recipe
    assert foreign.kind == recipe.generator.family == "stylegan3"
    assert recipe.generator.channel_base == config["channel_base"]
    assert recipe.generator.kernel == config.get("conv_kernel", 3)
    assert recipe.generator.radial_filters == config.get("use_radial_filters", False)
    assert recipe.generator.conv_clamp == 256
    assert recipe.generator.w_avg_beta == 0.998
    assert foreign.has_discriminator
    assert foreign.c_dim == config["c_dim"]


def release(change=lambda state: None, **options):
    """Pickle of a network that says little of itself, changed."""
    vectors = Vectors("sg3_t_32")
    state = {key.removeprefix("state/"): vectors[key] for key in vectors.arrays if "state/" in key}
    change(state)
    given = {"img_resolution": 32, "img_channels": 3, "channel_base": 256, "channel_max": 16}
    G = as_modules(state)
    G.meta["state"]["_init_kwargs"] = {**given, **options}
    return {"G_ema": G}


def read(root, folder):
    path = folder / "release.pkl"
    path.write_bytes(dumped(root))
    return read_foreign(path)


def test_a_transform_that_is_stored_is_kept(tmp_path):
    moved = torch.tensor([[1.0, 0, 0.1], [0, 1, 0], [0, 0, 1]])
    foreign = read(
        release(lambda state: state.update({"synthesis.input.transform": moved})), tmp_path
    )
    assert torch.equal(foreign.tensors["g_ema.synthesis.input.transform"], moved)


FILTER = "synthesis.L3_36_16.up_filter"
WRONG = {
    f"{FILTER} is not the filter of [SG3]": {FILTER: torch.ones(12) / 12},
    f"{FILTER} has the shape 11": {FILTER: torch.ones(11) / 11},
    "a filter as synthesis.L14_32_3.up_filter": {"synthesis.L14_32_3.up_filter": torch.ones(12)},
}


@pytest.mark.parametrize("words", WRONG)
def test_filters_that_are_not_ours_are_refused(words, tmp_path):
    with pytest.raises(ForeignFileError, match=re.escape(words)):
        read(release(lambda state: state.update(WRONG[words])), tmp_path)


@pytest.mark.parametrize(
    "options", [{"num_layers": 10**6}, {"conv_kernel": 5}, {"num_critical": 0}]
)
def test_options_that_no_network_has_are_refused(options, tmp_path):
    with pytest.raises(ForeignFileError, match="networks that sgtool does not support"):
        read(release(**options), tmp_path)


@pytest.mark.parametrize("option", ["num_critical", "lrelu_upsampling", "first_cutoff"])
def test_options_that_do_not_fit_the_filters_are_refused(option, tmp_path):
    value = {"num_critical": 4, "lrelu_upsampling": 4, "first_cutoff": 3.0}[option]
    with pytest.raises(ForeignFileError):
        read(release(**{option: value}), tmp_path)
