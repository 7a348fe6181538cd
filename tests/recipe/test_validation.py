from dataclasses import replace

import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import Settled, TrainSection, loads
from tests.recipe.problems import problems


def test_an_empty_text_is_the_default_recipe():
    assert loads("") == Settled()


def test_a_key_in_the_text_replaces_its_default_only():
    recipe = loads("[train]\nbatch_size = 16")
    assert recipe == replace(Settled(), train=TrainSection(batch_size=16))


def test_a_whole_number_is_taken_where_a_fraction_may_stand():
    gamma = loads("[loss]\nr1_gamma = 3").loss.r1_gamma
    assert (gamma, type(gamma)) == (3.0, float)


def test_all_problems_are_reported_at_once():
    found = problems(
        """
        [data]
        resolution = 100
        mirorr = true
        [train]
        batch_size = "16"
        lr_g = -1
        [loss]
        style_mixing_prob = 2
        r1_gamma = "automatic"
        """
    )
    assert sorted(found) == [
        "data.mirorr: no such key; did you mean data.mirror?",
        "data.resolution: 100 is not a power of two from 4 to 1024; write for example 128",
        'loss.r1_gamma: should be a number, found "automatic"',
        "loss.style_mixing_prob: should be at most 1, found 2",
        'train.batch_size: should be a whole number, found "16"',
        "train.lr_g: should be above 0, found -1",
    ]


def test_each_problem_is_a_line_that_starts_with_its_source():
    error = RecipeError("mine.toml", ["a: wrong", "b: wrong"])
    assert str(error) == "mine.toml: a: wrong\nmine.toml: b: wrong"


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("train.batch_sise", "train.batch_size"),
        ("trian.batch_size", "train.batch_size"),
        ("batch_size", "train.batch_size"),
        ("generator.r1_gamma", "loss.r1_gamma"),
        ("discriminator.chanel_max", "discriminator.channel_max"),
        ("sed", "seed"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(key, nearest):
    section, _, name = key.rpartition(".")
    text = f"[{section}]\n{name} = 1" if section else f"{name} = 1"
    assert problems(text) == (f"{key}: no such key; did you mean {nearest}?",)


def test_a_key_like_no_other_is_answered_with_where_keys_are_listed():
    assert "`sgtool recipe keys` lists all" in problems("xyzzy = 1")[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data.preview = [0, 1]", "should be a list of 3, found [0, 1]"),
        ("data.mirror = 1", "true or false"),
        ("data.path = 3", "text in quotes"),
        ('data.path = ""', "at least 1"),
        ("data.path.x = 3", "found a table"),
        ("data.channels = 33", "at most 32"),
        ("train = 3", "a section, not a key"),
        ("train.batch_size = true", "a whole number"),
        ("train.batch_size = 16.0", "a whole number"),
        ("train.batch_size = 0", "at least 1"),
        ("train.beta2 = 1", "below 1"),
        ("loss.pl_weight = nan", "finite"),
        ("train.lr_g = inf", "finite"),
        ("report.tick_kimg = 0", "above 0"),
        ("seed = -1", "at least 0"),
        ("title = 2024-01-01", "text in quotes, found 2024-01-01"),
        ('augment.mode = "adaa"', "should be 'none'"),
        ("generator.mapping_layers = -1", "at least 0"),
        ("growing.lr = 3", "should be a table, found 3"),
        ("growing.lr = {8 = 0}", "8 should be above 0, found 0"),
        ("growing.lr = {8 = {16 = 1}}", "8 should be a number, found a table"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(line, words):
    (problem,) = problems(line)
    assert problem.startswith(line.split(" ")[0].removesuffix(".x"))
    assert words in problem


def test_a_rule_over_a_wrong_value_is_not_reported_too():
    assert len(problems('train.batch_size = "x"\ndiscriminator.mbstd_group_size = 5')) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("schema = 2", "schema 2 is newer than this sgtool reads (1); upgrade sgtool"),
        ("schema = 0", "schema: unknown version 0; write schema = 1"),
        ("schema = true", "schema: unknown version true; write schema = 1"),
    ],
)
def test_another_schema_is_the_only_thing_reported(line, words):
    assert problems(f"{line}\nxyzzy = 1") == (words,)


def test_every_wrong_entry_of_a_table_is_told():
    assert problems('growing.batch_size = {8 = 0, 16 = 4, 32 = "x"}') == (
        "growing.batch_size: 8 should be at least 1, found 0; "
        '32 should be a whole number, found "x"',
    )


def test_a_file_with_more_keys_than_any_recipe_is_refused_at_once():
    text = "".join(f"key{i} = 1\n" for i in range(20_000))
    with pytest.raises(RecipeError) as error:
        loads(text)
    assert len(error.value.problems) == 1
