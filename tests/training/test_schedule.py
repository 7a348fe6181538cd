from dataclasses import replace

import pytest

from stylegan_cli.recipe import GeneratorSection, GrowingSection, Settled
from stylegan_cli.training.schedule import level_key, stage_at, stages

PAPER = Settled(generator=GeneratorSection(architecture="progressive"))


def growing(**keys):
    return replace(PAPER, growing=GrowingSection(**keys))


@pytest.mark.parametrize(
    ("kimg", "lod", "resolution"),
    [
        (0, 7, 8), (600, 7, 8), (601, 6.9983, 16), (900, 6.5, 16), (1200, 6, 16), (1800, 6, 16),
        (2400, 5, 32), (4200, 4, 64), (4800, 3, 128), (7200, 1, 512), (7800, 1, 512),
        (8399, 0.00167, 1024), (8400, 0, 1024), (25_000, 0, 1024),
    ],
)  # fmt: skip
def test_levels_appear_as_in_the_paper(kimg, lod, resolution):
    stage = stage_at(PAPER, kimg * 1000)
    assert stage.lod == pytest.approx(lod, abs=5e-5)
    assert stage.level == resolution


def test_a_network_that_does_not_grow_is_whole_for_ever():
    recipe = replace(Settled(), growing=GrowingSection(batch_size={"1024": 1}, lr={"1024": 1.0}))
    [stage] = stages(recipe)
    assert stage == stage_at(recipe, 0) == stage_at(recipe, 10**9)
    assert (stage.lod, stage.batch_size, stage.lr_g) == (0, 32, 0.002)


def test_batch_and_learning_rates_go_by_the_current_resolution():
    recipe = growing(batch_size={"8": 256, "16": 128}, lr={"16": 0.001})
    at_8, fading_16, at_32 = (stage_at(recipe, kimg * 1000) for kimg in (600, 601, 2400))
    assert (at_8.batch_size, fading_16.batch_size, at_32.batch_size) == (256, 128, 32)
    assert (fading_16.lr_g, fading_16.lr_d) == (0.001, 0.001)
    assert (at_8.lr_g, at_32.lr_d) == (0.002, 0.002)


def test_without_a_transition_levels_appear_at_once():
    recipe = growing(transition_kimg=0.0, training_kimg=1.0)
    assert [stage_at(recipe, nimg).lod for nimg in (0, 999, 1000, 1999, 2000)] == [7, 7, 6, 6, 5]


def test_without_training_one_level_fades_in_after_the_other():
    recipe = growing(transition_kimg=1.0, training_kimg=0.0)
    assert [stage_at(recipe, nimg).lod for nimg in (0, 500, 1000, 1250)] == [7, 6.5, 6, 5.75]


def test_without_either_the_network_is_whole_at_once():
    recipe = growing(transition_kimg=0.0, training_kimg=0.0)
    assert [stage.level for stage in stages(recipe)] == [1024]
    assert stage_at(recipe, 0).lod == 0


def test_phases_of_fractions_end_on_the_image():
    # 0.3 // 0.1 is 2 in floats
    recipe = growing(training_kimg=0.05, transition_kimg=0.05)
    assert stage_at(recipe, 300).lod == 4


def test_optimizers_start_anew_where_a_fade_begins_and_where_it_ends():
    keys = [level_key(stage_at(PAPER, kimg * 1000).lod) for kimg in range(0, 1900, 100)]
    assert [k for k, key in enumerate(keys) if key != keys[k - 1] and k] == [7, 12]


def test_stages_are_the_resolutions_a_run_comes_to():
    sides = [8, 16, 32, 64, 128, 256, 512, 1024]
    assert [stage.level for stage in stages(PAPER)] == sides
    short = replace(PAPER, train=replace(PAPER.train, total_kimg=1800.0))
    assert [stage.level for stage in stages(short)] == sides[:2]


def test_a_resolution_begins_where_it_is_first_seen():
    for stage in stages(PAPER)[1:]:
        begin = round(stage.from_kimg * 1000)
        assert stage_at(PAPER, begin).level == stage.level // 2
        assert stage_at(PAPER, begin + 1).level == stage.level
