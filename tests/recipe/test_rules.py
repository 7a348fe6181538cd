import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.networks.family import build_discriminator
from stylegan_cli.recipe import dumps, load, loads
from tests.recipe.problems import problems, problems_of


def test_the_part_a_device_holds_divides_the_batch():
    assert problems("train.batch_size = 8\ntrain.batch_per_device = 3") == (
        "train.batch_per_device: 3 does not divide train.batch_size 8; write one that does",
    )


def test_the_minibatch_deviation_group_divides_what_is_held_at_once():
    text = "train.batch_size = 12\ndiscriminator.mbstd_group_size = 4\n"
    assert loads(text).discriminator.mbstd_group_size == 4
    assert (
        "does not divide train.batch_per_device 6"
        in problems(text + "train.batch_per_device = 6")[0]
    )


def test_a_batch_smaller_than_the_minibatch_deviation_group_is_fine():
    assert loads("train.batch_size = 2").train.batch_size == 2


def test_a_device_that_could_hold_more_than_the_batch_holds_the_batch():
    assert loads("train.batch_per_device = 64").train.batch_per_device == 64


def test_groups_divide_the_batch_of_every_resolution():
    (problem,) = problems_of("stylegan1-f", "growing.batch_size={8 = 16, 16 = 6}")
    assert problem == (
        "discriminator.mbstd_group_size: 4 does not divide growing.batch_size {16 = 6}; "
        "write one that does"
    )


def test_batches_of_resolutions_that_are_never_seen_are_not_looked_at():
    sizes = "growing.batch_size={4 = 5, 8 = 16, 128 = 5}"
    assert load("stylegan1-f", [sizes, "data.resolution=64"]).growing.batch_size["128"] == 5


def test_a_device_holds_four_times_as_many_images_of_half_the_size():
    changes = ["data.resolution=32", "train.batch_size=8", "train.batch_per_device=4"]
    assert load("stylegan1-f", [*changes, "growing.batch_size={8 = 128, 16 = 32}"])
    assert problems_of("stylegan1-f", *changes, "growing.batch_size={8 = 96, 16 = 32}") == (
        "train.batch_per_device: 4 (64 at 8 px) does not divide growing.batch_size {8 = 96}; "
        "write one that does",
    )


def test_groups_divide_what_a_device_holds_at_every_resolution():
    changes = ["data.resolution=16", "train.batch_per_device=1", "growing.batch_size={}"]
    assert problems_of("stylegan1-f", *changes, "discriminator.mbstd_group_size=3") == (
        "discriminator.mbstd_group_size: 3 does not divide train.batch_per_device 1 (4 at 8 px); "
        "write one that does",
    )


def test_the_published_batches_fit_on_a_device_of_three_images():
    assert load("progan", ["train.batch_per_device=3"]).train.batch_per_device == 3


FROM = ("data.resolution=32", "init.network=n.safetensors")


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2-d", "stylegan1-f", "progan"])
def test_as_many_layers_may_be_frozen_as_stand_before_the_last_block(name):
    D = build_discriminator(load(name, FROM), c_dim=0)
    layers = [layer for side in D.levels for layer in D.get_submodule(f"b{side}").children()]
    assert load(name, [*FROM, f"init.freeze_d={len(layers)}"])
    (problem,) = problems_of(name, *FROM, f"init.freeze_d={len(layers) + 1}")
    assert f"but D has {len(layers)} layers before its last block" in problem


@pytest.mark.parametrize(("architecture", "layers"), [("orig", 7), ("skip", 9), ("resnet", 10)])
def test_architectures_differ_in_their_layers(architecture, layers):
    change = (*FROM, f"discriminator.architecture={architecture}")
    assert f"D has {layers} layers" in problems_of("stylegan2", *change, "init.freeze_d=99")[0]


@pytest.mark.parametrize("key", ["growing.batch_size", "growing.lr"])
@pytest.mark.parametrize("side", ["2", "12", "2048", "08", "x"])
def test_tables_go_by_resolution(key, side):
    assert problems_of("stylegan1-f", f"{key}={{8 = 4, {side} = 4}}") == (
        f'{key}: "{side}" is not a resolution; write powers of two from 4 to 1024',
    )


@pytest.mark.parametrize(("first", "example"), [(0, 4), (2, 4), (12, 8), (128, 64)])
def test_growing_starts_at_a_resolution_of_the_run(first, example):
    found = problems_of("progan", "data.resolution=64", f"growing.initial_resolution={first}")
    assert found == (
        f"growing.initial_resolution: {first} is not a power of two from 4 to data.resolution, 64; "
        f"write for example {example}",
    )


@pytest.mark.parametrize("first", [4, 16, 64])
@pytest.mark.parametrize("name", ["progan", "stylegan1-f", "stylegan2-d"])
def test_growing_may_start_at_any_resolution_up_to_the_last(name, first):
    changes = ["data.resolution=64", f"growing.initial_resolution={first}"]
    assert load(name, changes).growing.initial_resolution == first


def test_a_wrong_resolution_is_not_blamed_on_where_growing_starts():
    (problem,) = problems_of("stylegan1-f", "data.resolution=7")
    assert problem.startswith("data.resolution: 7")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("stylegan2", "growing.initial_resolution=4", "4 does nothing without generator.arch"),
        ("stylegan2", "growing.batch_size={8=16}", "{8 = 16} does nothing without generator.arch"),
        ("stylegan2", "growing.training_kimg=1", "1.0 does nothing without generator.arch"),
        ("stylegan1-f", "generator.conv_clamp=256", "256.0 does nothing in the family"),
        ("progan", "discriminator.conv_clamp=256", "256.0 does nothing in the family"),
        ("stylegan1-f", "discriminator.mapping_layers=2", "2 does nothing in the family stylegan1"),
        ("stylegan1-f", "discriminator.fused_scale=false", "false does nothing in the family"),
        ("stylegan1-b", "generator.mapping_lr_multiplier=1", "1.0 does nothing without mapping"),
        ("stylegan2", "generator.variant=rosinality", '"rosinality" does nothing in the family'),
        ("stylegan1-b", "generator.variant=rosinality", '"rosinality" does nothing without styles'),
        ("stylegan2", "metrics.keep_best=3", "3 does nothing without metrics.every_ticks; write 0"),
        ("stylegan2", "metrics.detector=alex", '"alex" does nothing without metrics.every_ticks'),
        ("stylegan2", "data.balance=true", "true does nothing without data.labels; write false"),
        ("stylegan2", "init.freeze_d=1", "1 does nothing without init.network; write 0"),
        ("stylegan2", "init.allow_partial=true", "true does nothing without init.network"),
        ("stylegan2", "augment.pipe=blit", '"blit" does nothing with augment.mode "none"'),
        ("stylegan2", "augment.p=0.5", '0.5 does nothing without augment.mode "fixed"; write 0.2'),
        ("stylegan2", "augment.target=0.5", '0.5 does nothing without augment.mode "ada"'),
        ("progan", "train.ema_kimg=5", "5.0 does nothing beside train.ema_decay; write 10.0"),
        ("progan", "train.ema_rampup=0.1", "0.1 does nothing beside train.ema_decay"),
        ("stylegan2", "loss.wgan_drift=0", "0.0 does nothing without loss.adversarial"),
    ],
)
def test_a_key_that_does_nothing_is_refused(name, change, words):
    (problem,) = problems_of(name, change)
    assert problem.startswith(f"{change.partition('=')[0]}: {words}")


def test_a_mapping_network_without_layers_is_not_frozen():
    (problem,) = problems_of("progan", "init.network=n", "init.freeze_mapping=true")
    assert problem.startswith("init.freeze_mapping: true does nothing without mapping layers")


def test_the_remedy_is_the_default_or_to_leave_the_key_out():
    assert problems_of("stylegan2", "growing.lr={8=1}")[0].endswith("; write {}")
    assert problems_of("progan", "generator.conv_clamp=1")[0].endswith("; leave it out")


def test_a_table_that_does_nothing_is_not_blamed_for_more():
    (problem,) = problems_of("stylegan2", "growing.batch_size={12 = 1, 1024 = 6}")
    assert "does nothing" in problem


def test_the_tables_of_a_recipe_that_grows_do_nothing_once_it_does_not():
    whole = ["generator.architecture=skip", "discriminator.architecture=resnet"]
    found = problems_of("stylegan2-d", *whole)
    assert [problem.partition(":")[0] for problem in found] == ["growing.batch_size", "growing.lr"]
    assert load("stylegan2-d", [*whole, "growing.batch_size={}", "growing.lr={}"])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stylegan2", "generator.conv_clamp=256"),
        ("progan", "discriminator.fused_scale=false"),
        ("progan", "loss.wgan_drift=0"),
        ("stylegan1-f", "generator.variant=rosinality"),
        ("stylegan2-d", "growing.training_kimg=1"),
    ],
)
def test_a_key_may_be_set_where_it_does_something(name, change):
    assert load(name, [change]) != load(name)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("progan", "generator.architecture=skip", '"skip" is not possible in progan'),
        ("progan", "generator.input=const", '"const" is not possible in progan; write "latent"'),
        ("progan", "generator.styles=true", "true is not possible in progan; write false"),
        ("progan", "generator.noise=true", "true is not possible in progan; write false"),
        ("stylegan1-f", "generator.architecture=orig", '"orig" is not possible in stylegan1'),
        ("stylegan2", "generator.input=latent", '"latent" is not possible in stylegan2'),
        ("stylegan2", "generator.styles=false", "false is not possible in stylegan2; write true"),
        ("stylegan2-d", "generator.noise=false", "false is not possible in stylegan2; write true"),
    ],
)
def test_what_a_family_does_not_have_is_refused(name, change, words):
    key = change.partition("=")[0]
    assert problems_of(name, change)[0].startswith(f"{key}: {words}")


@pytest.mark.parametrize("name", ["progan", "stylegan1-f", "stylegan2-d"])
def test_d_grows_where_g_grows(name):
    (problem,) = problems_of(name, "discriminator.architecture=resnet")
    assert problem == (
        'discriminator.architecture: "resnet" does not go with "progressive" of the generator, '
        'both grow or neither; write for example "progressive"'
    )


def test_d_does_not_grow_alone():
    (problem,) = problems_of("stylegan2", "discriminator.architecture=progressive")
    assert problem.endswith('both grow or neither; write for example "resnet"')


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


FAMILY = "generator.family=stylegan3"


def test_the_family_has_the_defaults_of_its_paper():
    recipe = loads("", overrides=[FAMILY])
    assert (recipe.generator.mapping_layers, recipe.generator.w_avg_beta) == (2, 0.998)
    assert (recipe.loss.pl_weight, recipe.loss.style_mixing_prob) == (0, 0)
    assert (recipe.train.lr_g, recipe.train.lr_d, recipe.train.ema_rampup) == (0.0025, 0.002, 0.05)
    assert loads(dumps(recipe)) == recipe


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("loss.pl_weight=2.0", "write for example 4"),
        ("bands.critical=14", "write at most 13"),
        ("loss.blur_fade_kimg=100.0", "without loss.blur_sigma"),
        ("generator.noise=true", "not possible in stylegan3"),
    ],
)
def test_what_cannot_be_is_refused(setting, words):
    with pytest.raises(RecipeError, match=words):
        loads("", overrides=[FAMILY, setting])


@pytest.mark.parametrize("setting", ["generator.kernel=1", "bands.layers=10"])
def test_its_keys_do_nothing_in_other_families(setting):
    with pytest.raises(RecipeError, match="does nothing in the family stylegan2"):
        loads("", overrides=[setting])


def test_all_that_needs_styles_is_told_at_once():
    found = problems_of("stylegan1-f", "generator.styles=false", "loss.pl_weight=2")
    assert sorted(found) == [
        'generator.input: a generator without styles starts from the latent code; write "latent"',
        "generator.noise: a generator without styles has no noise inputs in the papers; "
        "write false",
        "loss.pl_weight: a generator without styles has no paths from styles to images; write 0",
        "loss.style_mixing_prob: a generator without styles has nothing to mix; write 0",
    ]


@pytest.mark.parametrize("change", ["loss.style_mixing_prob=0.9", "loss.pl_weight=2"])
@pytest.mark.parametrize("name", ["progan", "stylegan1-b"])
def test_a_traditional_generator_takes_no_loss_of_styles(name, change):
    (problem,) = problems_of(name, change)
    assert problem.startswith(change.partition("=")[0])
