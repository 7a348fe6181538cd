from stylegan_cli.recipe import load, loads
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
