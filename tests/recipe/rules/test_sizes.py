import pytest

from stylegan_cli.recipe import loads
from tests.recipe.problems import problems


@pytest.mark.parametrize("side", [0, 2, 48, 2048])
def test_the_resolution_is_a_power_of_two_in_range(side):
    assert "power of two" in problems(f"data.resolution = {side}")[0]


def test_only_a_discriminator_that_reads_every_size_reads_4_pixels():
    assert '"resnet" has no layer that reads' in problems("data.resolution = 4")[0]
    recipe = loads('data.resolution = 4\ndiscriminator.architecture = "skip"')
    assert recipe.data.resolution == 4


def test_the_channel_base_must_leave_channels():
    assert "at least 256" in problems("data.resolution = 256\ngenerator.channel_base = 128")[0]


def test_minibatch_deviation_channels_divide_the_coarsest_feature_maps():
    assert "3 does not divide D's 512 channels" in problems("discriminator.mbstd_channels = 3")[0]
    assert loads("discriminator.mbstd_channels = 0").discriminator.mbstd_channels == 0


def test_without_mapping_layers_w_is_as_long_as_z():
    text = "generator.mapping_layers = 0\ngenerator.z_dim = 64\n"
    assert problems(text) == (
        "generator.w_dim: 512, but without mapping layers w is z; write generator.z_dim, 64",
    )
    assert loads(text + "generator.w_dim = 64").generator.w_dim == 64
