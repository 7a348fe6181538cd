import pytest

from stylegan_cli.recipe import load
from tests.recipe.problems import problems_of


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
