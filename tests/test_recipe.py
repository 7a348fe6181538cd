import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import (
    DataSection,
    LossSection,
    Recipe,
    TrainSection,
    dumps,
    find,
    header,
    load,
    loads,
    override,
    shipped,
)


def problems(text, *overrides):
    with pytest.raises(RecipeError) as caught:
        loads(text, source="mine.toml", overrides=overrides)
    return caught.value.problems


def test_an_empty_text_is_the_default_recipe():
    assert loads("") == Recipe()


def test_a_key_in_the_text_replaces_its_default_only():
    recipe = loads("[train]\nbatch_size = 16")
    assert recipe == replace(Recipe(), train=TrainSection(batch_size=16))


def test_a_whole_number_is_taken_where_a_fraction_may_stand():
    gamma = loads("[loss]\nr1_gamma = 3").loss.r1_gamma
    assert (gamma, type(gamma)) == (3.0, float)


@given(
    st.builds(
        Recipe,
        title=st.text(st.characters(codec="utf-8")),
        seed=st.integers(0, 2**32 - 1),
        data=st.builds(
            DataSection,
            path=st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
            resolution=st.sampled_from([8, 64, 1024]),
            mirror=st.booleans(),
        ),
        loss=st.builds(LossSection, r1_gamma=st.just("auto") | st.floats(0, 1e300)),
    )
)
def test_a_written_recipe_reads_back_the_same(recipe):
    assert loads(dumps(recipe)) == recipe


def test_a_written_recipe_names_every_key():
    text = dumps(Recipe())
    assert "lr_g = 0.002" in text
    assert "# batch_per_device is not set" in text


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
        "data.resolution: 100 is not a power of two from 8 to 1024; write for example 128",
        "loss.r1_gamma: should be a valid number or 'auto', found \"automatic\"",
        "loss.style_mixing_prob: should be less than or equal to 1, found 2",
        'train.batch_size: should be a valid integer, found "16"',
        "train.lr_g: should be greater than 0, found -1",
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
    assert "lists all keys" in problems("xyzzy = 1")[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data.mirror = 1", "valid boolean"),
        ("data.path = 3", "valid string"),
        ('data.path = ""', "at least 1"),
        ("data.path.x = 3", "found a table"),
        ("data.channels = 2", "1, 3 or 4"),
        ("train = 3", "a section, not a key"),
        ("train.batch_size = true", "valid integer"),
        ("train.batch_size = 16.0", "valid integer"),
        ("train.batch_size = 0", "greater than or equal to 1"),
        ("train.beta2 = 1", "less than 1"),
        ("loss.pl_weight = nan", "finite"),
        ("train.lr_g = inf", "finite"),
        ("report.tick_kimg = 0", "greater than 0"),
        ("seed = -1", "greater than or equal to 0"),
        ("title = 2024-01-01", "valid string, found 2024-01-01"),
        ('augment.mode = "adaa"', "should be 'none'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(line, words):
    (problem,) = problems(line)
    assert problem.startswith(line.split(" ")[0].removesuffix(".x"))
    assert words in problem


@pytest.mark.parametrize("side", [0, 4, 48, 2048])
def test_the_resolution_is_a_power_of_two_in_range(side):
    assert "power of two" in problems(f"data.resolution = {side}")[0]


def test_the_channel_base_must_leave_channels():
    assert "at least 256" in problems("data.resolution = 256\ngenerator.channel_base = 128")[0]


def test_the_part_a_device_holds_divides_the_batch():
    assert problems("train.batch_size = 8\ntrain.batch_per_device = 3") == (
        "train.batch_per_device: 3 does not divide train.batch_size 8; write a divisor of it",
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


def test_minibatch_deviation_channels_divide_the_coarsest_feature_maps():
    assert "3 does not divide D's 512 channels" in problems("discriminator.mbstd_channels = 3")[0]
    assert loads("discriminator.mbstd_channels = 0").discriminator.mbstd_channels == 0


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


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "[x", "a = " + "[" * 5000])
def test_what_is_not_toml_is_refused(text):
    assert problems(text)[0].startswith("not TOML (")


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("data.path=foo.zip", "foo.zip"),
        ("data.path = 'a b.zip'", "a b.zip"),
        ("data.path=C:\\new.zip", "C:\\new.zip"),
        ("data.path=a=b.zip", "a=b.zip"),
        ("data.path=2024", "2024"),
        ("data.path=x\nmirror = true", "x\nmirror = true"),
    ],
)
def test_set_takes_bare_words_as_text(assignment, value):
    assert loads("", overrides=[assignment]).data.path == value


def test_set_takes_numbers_and_truth_as_toml_does():
    recipe = override(
        Recipe(), ["train.batch_size=1_6", "data.mirror=true", "train.lr_g=1e-3", "title=42"]
    )
    assert (recipe.train.batch_size, recipe.data.mirror, recipe.train.lr_g) == (16, True, 0.001)
    assert recipe.title == "42"


def test_set_comes_after_the_text_and_the_last_one_wins():
    text = "train.batch_size = 8"
    assert loads(text, overrides=["train.batch_size=4", "train.batch_size=2"]).train.batch_size == 2


def test_problems_of_set_name_the_flag():
    assert problems("", "train.batch_sise=3") == (
        "--set train.batch_sise: no such key; did you mean train.batch_size?",
    )


def test_set_without_an_equals_sign_is_refused():
    assert "not KEY=VALUE" in problems("", "train.batch_size")[0]


def test_override_leaves_all_else_alone():
    recipe = Recipe(data=DataSection(path="a.zip"))
    assert override(recipe, []) == recipe


def test_a_recipe_is_found_as_a_file_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stylegan2").write_text("seed = 7")
    assert load("stylegan2").seed == 7
    assert load("stylegan2.toml").seed == 0


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2.toml", "recipes/stylegan2.toml"])
def test_a_shipped_recipe_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find(name).name == "stylegan2.toml"


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"stylgan2: no such file .* stylegan2"):
        load("stylgan2")


def test_what_is_no_text_file_is_refused(tmp_path):
    binary = tmp_path / "a.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path):
        with pytest.raises(RecipeError, match=str(tmp_path)):
            load(path)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_opens_with_what_it_is_and_costs(name):
    words = header(name)
    for heading in ("What", "Source", "Expect", "Cost", "Run"):
        assert f"# {heading} " in words


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_is_valid_and_states_its_schema(name):
    assert load(name).title != "untitled"
    assert tomllib.loads(find(name).read_text())["schema"] == 1


@pytest.mark.parametrize("side", [8, 64, 1024])
def test_configuration_f_is_the_default_at_every_resolution(side):
    recipe = load("stylegan2", [f"data.resolution={side}"])
    assert recipe.generator == Recipe().generator
    assert recipe.loss == Recipe().loss
    assert recipe.train == Recipe().train
