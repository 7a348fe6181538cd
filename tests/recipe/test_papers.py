"""The shipped recipes of the papers beside the tables of the specification."""

import pytest

from stylegan_cli.recipe import load

STYLEGAN1 = tuple(f"stylegan1-{row}" for row in "abcdef")
STYLEGAN2 = tuple(f"stylegan2-{row}" for row in "abcdef")
GROWING = (*STYLEGAN1, *STYLEGAN2[:4])
SIDES = (8, 16, 32, 64, 128, 256, 512, 1024)
BATCHES = (256, 128, 64, 32, 32, 32, 32, 32)
LEARNING_RATES = (0.001, 0.001, 0.001, 0.001, 0.0015, 0.002, 0.003, 0.003)


def batches(recipe, sides=SIDES):
    table = recipe.growing.batch_size
    return tuple(table.get(str(side), recipe.train.batch_size) for side in sides)


def learning_rates(recipe, sides=SIDES):
    assert recipe.train.lr_g == recipe.train.lr_d
    return tuple(recipe.growing.lr.get(str(side), recipe.train.lr_g) for side in sides)


@pytest.mark.parametrize("name", ["progan", *STYLEGAN1, *STYLEGAN2])
def test_the_papers_are_about_faces_at_1024(name):
    recipe = load(name)
    assert (recipe.data.resolution, recipe.data.mirror) == (1024, True)


@pytest.mark.parametrize("name", GROWING)
def test_batches_and_learning_rates_grow_as_on_eight_gpus(name):
    assert batches(load(name)) == BATCHES
    assert learning_rates(load(name)) == LEARNING_RATES


@pytest.mark.parametrize("name", GROWING)
def test_phases_are_600_and_600_kimg(name):
    growing = load(name).growing
    assert (growing.training_kimg, growing.transition_kimg) == (600, 600)
    assert growing.initial_resolution == (4 if name == "stylegan1-a" else 8)


def test_progressive_gan_begins_with_512_images_of_4_pixels():
    assert batches(load("stylegan1-a"), [4]) == (512,)


@pytest.mark.parametrize("name", ["stylegan2-e", "stylegan2-f"])
def test_the_last_configurations_do_not_grow(name):
    recipe = load(name)
    assert (recipe.generator.architecture, recipe.discriminator.architecture) == ("skip", "resnet")
    assert (recipe.train.batch_size, recipe.train.lr_g, recipe.train.lr_d) == (32, 0.002, 0.002)


def test_progressive_gan_as_first_published():
    recipe = load("progan")
    sides = (4, *SIDES)
    assert batches(recipe, sides) == (16, 16, 16, 16, 16, 16, 14, 6, 3)
    assert learning_rates(recipe, sides) == (0.001,) * 9
    assert (recipe.growing.training_kimg, recipe.growing.transition_kimg) == (800, 800)
    assert (recipe.train.total_kimg, recipe.train.ema_decay) == (19_000, 0.999)
    assert recipe.discriminator.mbstd_group_size == 16


@pytest.mark.parametrize(
    ("row", "family", "input", "styles", "noise", "mapping_layers", "mixing"),
    [
        ("a", "progan", "latent", False, False, 0, 0),
        ("b", "stylegan1", "latent", False, False, 0, 0),
        ("c", "stylegan1", "latent", True, False, 8, 0),
        ("d", "stylegan1", "const", True, False, 8, 0),
        ("e", "stylegan1", "const", True, True, 8, 0),
        ("f", "stylegan1", "const", True, True, 8, 0.9),
    ],
)
def test_generators_of_stylegan(row, family, input, styles, noise, mapping_layers, mixing):
    recipe = load(f"stylegan1-{row}")
    G = recipe.generator
    assert (G.family, G.input, G.styles, G.noise) == (family, input, styles, noise)
    assert (G.mapping_layers, recipe.loss.style_mixing_prob) == (mapping_layers, mixing)
    assert (G.channel_base, G.channel_max, G.architecture) == (16_384, 512, "progressive")


@pytest.mark.parametrize(
    ("row", "family", "channel_base", "lazy", "pl_weight", "gamma"),
    [
        ("a", "stylegan1", 16_384, False, 0, 10),
        ("b", "stylegan2", 16_384, False, 0, 10),
        ("c", "stylegan2", 16_384, True, 0, 10),
        ("d", "stylegan2", 16_384, True, 2, 10),
        ("e", "stylegan2", 16_384, True, 2, 100),
        ("f", "stylegan2", 32_768, True, 2, 10),
    ],
)
def test_configurations_of_stylegan2(row, family, channel_base, lazy, pl_weight, gamma):
    recipe = load(f"stylegan2-{row}")
    assert (recipe.generator.family, recipe.generator.channel_base) == (family, channel_base)
    loss = recipe.loss
    assert (loss.lazy, loss.pl_weight, loss.r1_gamma) == (lazy, pl_weight, gamma)
    assert (loss.r1_interval, loss.pl_interval, loss.style_mixing_prob) == (16, 4, 0.9)
    assert recipe.train.order == "g-first"


@pytest.mark.parametrize("name", [*STYLEGAN1[1:], *STYLEGAN2])
def test_stylegan_is_trained_on_25_million_images_with_r1(name):
    recipe = load(name)
    assert recipe.train.total_kimg == 25_000
    assert (recipe.loss.adversarial, recipe.loss.gp_weight) == ("logistic", 0)
    assert recipe.loss.r1_gamma == (100 if name == "stylegan2-e" else 10)


@pytest.mark.parametrize("name", ["progan", "stylegan1-a"])
def test_progressive_gan_has_wgan_gp_alone(name):
    loss = load(name).loss
    assert (loss.adversarial, loss.wgan_drift, loss.gp_weight) == ("wgan", 0.001, 10)
    assert (loss.r1_gamma, loss.pl_weight, loss.lazy) == (0, 0, False)


def test_the_baseline_has_the_length_of_the_second_progressive_gan():
    recipe = load("stylegan1-a")
    assert (recipe.train.total_kimg, recipe.train.ema_kimg, recipe.train.ema_decay) == (
        12_000, 10, None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["progan", *STYLEGAN1])
def test_until_stylegan_d_moves_first_and_nothing_is_lazy(name):
    recipe = load(name)
    assert (recipe.train.order, recipe.loss.lazy) == ("d-first", False)


@pytest.mark.parametrize("name", ["progan", *STYLEGAN1, *STYLEGAN2])
def test_what_all_papers_share(name):
    train, generator = load(name).train, load(name).generator
    assert (train.beta1, train.beta2, train.ema_kimg) == (0, 0.99, 10)
    assert (generator.z_dim, generator.w_dim, generator.w_avg_beta) == (512, 512, 0.995)
    assert generator.mapping_lr_multiplier == 0.01


ADA = ("ada-paper256", "ada-paper512", "ada-paper1024", "ada-cifar")


@pytest.mark.parametrize(
    ("name", "side", "kimg", "batch", "group", "base", "lr", "gamma", "ema", "ramp", "depth"),
    [
        ("ada-paper256", 256, 25_000, 64, 8, 16_384, 0.0025, 1, 20, 0, 8),
        ("ada-paper512", 512, 25_000, 64, 8, 32_768, 0.0025, 0.5, 20, 0, 8),
        ("ada-paper1024", 1024, 25_000, 32, 4, 32_768, 0.002, 2, 10, 0, 8),
        ("ada-cifar", 32, 100_000, 64, 32, 32_768, 0.0025, 0.01, 500, 0.05, 2),
    ],
)
def test_configurations_of_ada(name, side, kimg, batch, group, base, lr, gamma, ema, ramp, depth):
    recipe = load(name)
    train, G = recipe.train, recipe.generator
    assert (recipe.data.resolution, train.total_kimg, train.batch_size) == (side, kimg, batch)
    assert (recipe.discriminator.mbstd_group_size, G.channel_base) == (group, base)
    assert (train.lr_g, train.lr_d, recipe.loss.r1_gamma) == (lr, lr, gamma)
    assert (train.ema_kimg, train.ema_rampup, G.mapping_layers) == (ema, ramp, depth)


@pytest.mark.parametrize("name", ADA)
def test_ada_augments_as_in_the_paper(name):
    recipe = load(name)
    augment = recipe.augment
    assert (augment.mode, augment.pipe, augment.target, augment.interval) == ("ada", "bgc", 0.6, 4)
    assert (augment.ada_kimg, augment.p_max) == (500, 1)
    assert (recipe.generator.conv_clamp, recipe.discriminator.conv_clamp) == (256, 256)
    assert (recipe.loss.r1_interval, recipe.loss.pl_interval) == (16, 4)


def test_networks_for_cifar_have_no_shortcuts_and_no_regularized_paths():
    recipe = load("ada-cifar")
    assert recipe.discriminator.architecture == "orig"
    assert (recipe.loss.pl_weight, recipe.loss.style_mixing_prob) == (0, 0)
