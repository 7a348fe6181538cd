import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import (
    DataSection,
    LossSection,
    Settled,
    change,
    dumps,
    header,
    load,
    loads,
    shipped,
    written,
)
from tests.recipe.problems import problems


@given(
    title=st.text(st.characters(codec="utf-8")),
    seed=st.integers(0, 2**32 - 1),
    path=st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
    resolution=st.sampled_from([8, 64, 1024]),
    mirror=st.booleans(),
    r1_gamma=st.floats(0, 1e300),
)
def test_a_written_recipe_reads_back_the_same(title, seed, path, resolution, mirror, r1_gamma):
    data = DataSection(path=path, resolution=resolution, mirror=mirror)
    loss = LossSection(r1_gamma=r1_gamma)
    recipe = Settled(title=title, seed=seed, data=data, loss=loss)
    assert loads(dumps(recipe)) == recipe


def test_a_written_recipe_names_every_key():
    text = dumps(Settled())
    assert "lr_g = 0.002" in text
    assert "# batch_per_device is not set" in text


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "[x", "a = " + "[" * 5000])
def test_what_is_not_toml_is_refused(text):
    assert problems(text)[0].startswith("not TOML (")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_recipe_saved_on_windows_is_read(encoding, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes('# mine\r\ntitle = "Bär"\r\nseed = 7\r\n'.encode(encoding))
    assert (load(path).title, load(path).seed, header(path)) == ("Bär", 7, "# mine\n\n")


def test_a_windows_path_in_double_quotes_is_answered_with_the_way_to_write_it():
    text = '[data]\npath = "C:\\Users\\me"'
    assert problems(text)[0].endswith("a path with \\ stands in single quotes")


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
    changes = ["train.batch_size=1_6", "data.mirror=true", "train.lr_g=1e-3", "title=42"]
    recipe = loads("", overrides=changes)
    assert (recipe.train.batch_size, recipe.data.mirror, recipe.train.lr_g) == (16, True, 0.001)
    assert recipe.title == "42"


def test_set_comes_after_the_text_and_the_last_one_wins():
    text = "train.batch_size = 8"
    assert loads(text, overrides=["train.batch_size=4", "train.batch_size=2"]).train.batch_size == 2


def test_problems_of_an_assignment_name_it_as_a_parameter():
    assert problems("", "train.batch_sise=3") == (
        "`train.batch_sise=3`: no such key; did you mean train.batch_size?",
    )


def test_set_without_an_equals_sign_is_refused():
    assert "not KEY=VALUE" in problems("", "train.batch_size")[0]


def test_a_recipe_to_change_settles_to_the_same():
    recipe = load("stylegan1-f", ["data.path=a.zip", "generator.channel_base=2048"])
    assert written(recipe).settle() == recipe


def test_changed_widths_of_g_are_those_of_d_too():
    recipe = change(written(load("stylegan2")), ["generator.channel_base=2048"]).settle()
    assert recipe.discriminator.channel_base == 2048


def test_a_printed_recipe_says_where_d_follows_g():
    assert "# channel_base follows generator.channel_base\n" in dumps(load("stylegan2"))
    assert "channel_base = 64\n" in dumps(
        loads("", overrides=["discriminator.channel_base=64", "data.resolution=64"])
    )


@pytest.mark.parametrize(
    "text",
    [".".join(["a"] * 49_000) + " = 1", "a" * 300_000, "train.batch_size = " + "9" * 5000],
)
def test_a_recipe_too_long_to_read_is_refused(text):
    (problem,) = problems(text)
    assert re.match("not (a recipe|TOML)", problem)


def test_a_number_of_thousands_of_digits_is_refused_in_words():
    (problem,) = problems("", "train.batch_size=" + "9" * 5000)
    assert "should be a whole number" in problem
    assert len(problem) < 300


def test_what_is_no_text_file_is_refused(tmp_path):
    binary = tmp_path / "a.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path):
        with pytest.raises(RecipeError, match=str(tmp_path)):
            load(path)


TABLES = """
[growing]
batch_size = {8 = 256, 16 = 128}
lr = {}
"""
GROWING = """
[generator]
architecture = "progressive"
[discriminator]
architecture = "progressive"
"""


@pytest.mark.parametrize("name", shipped())
def test_a_section_that_nothing_reads_is_not_written(name):
    recipe = load(name)
    G, text = recipe.generator, dumps(recipe)
    assert ("[bands]" in text) == (G.family == "stylegan3")
    assert ("[growing]" in text) == (G.architecture == "progressive")
    # what is off can be turned on there
    assert all(f"[{name}]" in text for name in ("init", "augment", "metrics", "health"))
    assert loads(text) == recipe


def test_tables_are_written_on_a_line_and_read_back():
    recipe = loads(GROWING + TABLES)
    assert recipe.growing.batch_size == {"8": 256, "16": 128}
    assert "batch_size = {8 = 256, 16 = 128}\nlr = {}\n" in dumps(recipe)
    assert loads(dumps(recipe)) == recipe


def test_a_table_may_be_a_section_of_its_own():
    text = GROWING + "[growing.batch_size]\n8 = 256\n16 = 128"
    assert loads(text) == loads(GROWING + TABLES)


def test_set_takes_tables_as_toml_does():
    changes = ["growing.batch_size={8=16, 16 = 4}", "growing.lr={}"]
    recipe = loads(GROWING + TABLES, overrides=changes)
    assert (recipe.growing.batch_size, recipe.growing.lr) == ({"8": 16, "16": 4}, {})


def test_an_entry_of_a_table_cannot_be_set_alone():
    assert problems("", "growing.batch_size.8=16") == (
        "`growing.batch_size.8=16`: an entry, not a key; set the whole table, "
        "`growing.batch_size={8 = …}`",
    )
