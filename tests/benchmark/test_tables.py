"""The cases of benchmarks/, which run on machines of their own."""

import pytest

from benchmarks.cases import CPU_CASES, GPU_CASES, case_named


@pytest.mark.parametrize("name", [*CPU_CASES, *GPU_CASES])
def test_every_case_can_be_trained_at_full_size(name):
    case = case_named(name)
    assert case.stage.level == case.recipe.data.resolution


@pytest.mark.parametrize(
    ("name", "resolution", "channel_base", "batch"),
    [
        ("64", 64, 4096, 8),
        ("256", 256, 8192, 4),
        ("256-batch-64", 256, 16_384, 64),
        ("256-batch-16-ada", 256, 16_384, 16),
        ("1024-batch-16-ada", 1024, 32_768, 16),
        ("1024-batch-4", 1024, 32_768, 4),
    ],
)
def test_a_case_is_what_its_name_says(name, resolution, channel_base, batch):
    case = case_named(name)
    assert case.recipe.generator.channel_base == channel_base
    assert (case.stage.level, case.stage.batch_size) == (resolution, batch)
    assert (case.recipe.augment.mode == "fixed") == name.endswith("-ada")


@pytest.mark.parametrize("name", ["stylegan1", "progan"])
def test_families_are_compared_at_one_size(name):
    grown, fixed = case_named(name), case_named("64")
    assert grown.stage.batch_size == fixed.stage.batch_size
    assert grown.recipe.generator.channel_max == fixed.recipe.generator.channel_max
