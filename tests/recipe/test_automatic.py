import pytest

from stylegan_cli.recipe import Machine, dumps, load, parse, read, values
from tests.recipe.problems import problems

CPU = Machine(has_gpu=False)


def on_gpus(resolution, processes):
    changes = [f"data.resolution={resolution}"]
    return read("auto", changes).settle(Machine(processes=processes))


@pytest.mark.parametrize(
    ("resolution", "gpus", "batch", "gamma", "ema_kimg", "lr"),
    [
        (32, 1, 32, 0.0064, 10, 0.0025),
        (32, 8, 64, 0.0032, 20, 0.0025),
        (256, 1, 16, 0.8192, 5, 0.0025),
        (256, 2, 32, 0.4096, 10, 0.0025),
        (256, 4, 64, 0.2048, 20, 0.0025),
        (512, 1, 8, 6.5536, 2.5, 0.0025),
        (512, 8, 64, 0.8192, 20, 0.0025),
        (1024, 1, 4, 52.4288, 1.25, 0.002),
        (1024, 8, 32, 6.5536, 10, 0.002),
    ],
)
def test_auto_is_the_preset_of_ada(resolution, gpus, batch, gamma, ema_kimg, lr):
    recipe = on_gpus(resolution, gpus)
    train = recipe.train
    assert (train.batch_size, train.ema_kimg, train.lr_g, train.lr_d) == (batch, ema_kimg, lr, lr)
    assert recipe.loss.r1_gamma == pytest.approx(gamma)
    assert recipe.discriminator.mbstd_group_size == min(batch // gpus, 4)
    assert recipe.generator.channel_base == (32_768 if resolution >= 512 else 16_384)
    assert recipe.generator.mapping_layers == 2


def test_a_cpu_gets_thin_networks_and_a_short_run():
    recipe = read("auto", ["data.resolution=64"]).settle(CPU)
    assert (recipe.generator.channel_base, recipe.train.batch_size) == (2048, 16)
    assert recipe.train.total_kimg == 200


@pytest.mark.parametrize("resolution", [8, 64, 1024])
@pytest.mark.parametrize("processes", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("has_gpu", [True, False])
def test_auto_breaks_no_rule_at_any_size(resolution, processes, has_gpu):
    changes = [f"data.resolution={resolution}"]
    recipe = read("auto", changes).settle(Machine(processes=processes, has_gpu=has_gpu))
    assert recipe.train.batch_size >= processes


def test_what_is_said_stays_and_what_hangs_on_it_follows():
    recipe = load("auto", ["data.resolution=256", "train.batch_size=64"])
    assert recipe.train.batch_size == 64
    assert recipe.loss.r1_gamma == pytest.approx(0.2048)
    assert recipe.train.ema_kimg == 20


def test_any_recipe_may_leave_such_a_key_to_the_tool():
    changes = ["loss.r1_gamma=auto", "data.resolution=64"]
    assert load("stylegan2", changes).loss.r1_gamma == pytest.approx(0.0256)
    assert load("progan", ["train.total_kimg=auto"]).train.total_kimg == 25_000


def test_a_family_may_have_a_rule_of_its_own_for_r1():
    for side, gamma in ((128, 0.5), (256, 2), (512, 8), (1024, 32)):
        assert load("stylegan3-t", [f"data.resolution={side}"]).loss.r1_gamma == gamma


def test_a_key_that_cannot_be_left_to_the_tool_is_refused():
    (problem,) = problems('[generator]\nz_dim = "auto"')
    assert problem == 'generator.z_dim: should be a whole number, found "auto"'


def test_a_wrong_value_is_not_blamed_on_what_hangs_on_it():
    text = '[data]\nresolution = "big"\n[loss]\nr1_gamma = "auto"'
    assert [line.partition(":")[0] for line in problems(text)] == ["data.resolution"]


def test_what_a_run_began_with_stays():
    begun = values(on_gpus(256, 8))
    again = read("auto", ["data.resolution=256"]).settle(Machine(processes=2, settled=begun))
    assert again == on_gpus(256, 8)


def test_a_recipe_that_was_settled_reads_back_on_any_machine():
    recipe = on_gpus(256, 8)
    assert parse(dumps(recipe)).settle(CPU) == recipe


def test_every_choice_has_a_reason():
    found = read("auto").choices()
    assert set(found) >= {"train.batch_size", "loss.r1_gamma", "generator.channel_base"}
    assert all(choice.why for choice in found.values())
    assert read("stylegan2").choices() == {}
