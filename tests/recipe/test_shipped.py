import re
import tomllib

import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import Settled, dumps, find, header, load, loads, shipped, values
from stylegan_cli.recipe.validation import LEADERS

every_recipe = pytest.mark.parametrize("name", shipped())


def variations(name):
    """The assignments of every line of a header, lines that go on joined."""
    for line in header(name).replace("\\\n#", "").splitlines():
        assignments = re.findall(r"--set ('[^']*'|\S+)", line)
        if assignments:
            yield [assignment.strip("'") for assignment in assignments]


def stated(name):
    """The values in the file of a recipe, by section and key."""
    for section, table in tomllib.loads(find(name).read_text()).items():
        if isinstance(table, dict):
            yield from ((section, key, value) for key, value in table.items())


@every_recipe
def test_a_shipped_recipe_opens_with_what_it_is_and_costs(name):
    words = header(name)
    for heading in ("What", "Source", "Expect", "Cost", "Run"):
        assert f"# {heading} " in words


@every_recipe
def test_a_shipped_recipe_is_run_by_its_own_name(name):
    assert set(re.findall(r"sgtool train (\S+)", header(name))) <= {name}


@every_recipe
def test_a_shipped_recipe_is_valid_and_states_its_schema(name):
    assert load(name).title != "untitled"
    assert tomllib.loads(find(name).read_text())["schema"] == 1


@every_recipe
def test_a_shipped_recipe_written_whole_reads_back_the_same(name):
    assert loads(dumps(load(name))) == load(name)


@every_recipe
def test_a_shipped_recipe_states_only_what_differs_from_its_family(name):
    family = loads(f'generator.family = "{load(name).generator.family}"')
    for section, key, value in stated(name):
        if (section, key) == ("generator", "family"):
            continue
        leader = LEADERS.get(f"{section}.{key}")
        default = values(load(name))[leader] if leader else values(family)[f"{section}.{key}"]
        assert value != default, f"{section}.{key}"


@pytest.mark.parametrize(
    ("name", "variation"),
    [(name, variation) for name in shipped() for variation in variations(name)],
)
def test_every_variation_in_a_header_can_be_trained(name, variation):
    assert load(name, variation) != load(name)


def test_the_ablations_of_the_papers_are_in_the_headers():
    counts = {name: len(list(variations(name))) for name in shipped()}
    grid, mapping_and_mixing, run = 8, 6, 1
    assert counts["stylegan2-e"] == run + grid
    assert counts["stylegan1-f"] >= run + mapping_and_mixing
    assert [v for v in variations("stylegan1-b") if "generator.mapping_layers=8" in v]


@pytest.mark.parametrize("side", [8, 64, 1024])
def test_configuration_f_is_the_default_at_every_resolution(side):
    for name in ("stylegan2", "stylegan2-f"):
        recipe = load(name, [f"data.resolution={side}"])
        assert recipe.generator == Settled().generator
        assert recipe.loss == Settled().loss
        assert recipe.train == Settled().train


def test_a_recipe_is_found_as_a_file_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stylegan2").write_text("seed = 7")
    assert load("stylegan2").seed == 7
    assert load("stylegan2.toml").seed == 0


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2.toml", "recipes/stylegan2.toml"])
def test_a_shipped_recipe_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find(name).name == "stylegan2.toml"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("stylgan2", "no such file or shipped recipe; did you mean stylegan2?"),
        ("min.toml", "no such file or shipped recipe; did you mean mine.toml?"),
        ("photos", "a folder, not a recipe; name a .toml file; pass images as `data`"),
        (
            "run",
            "a folder, not a recipe; name run/recipe.toml, with `output=run` to resume its run",
        ),
        ("photos.zip", "not text, so no recipe; name a .toml file; pass images as `data`"),
    ],
)
def test_what_is_no_recipe_leads_to_what_was_meant(source, wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").touch()
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(RecipeError) as refused:
        load(source)
    assert str(refused.value) == f"{source}: {wanted}"


def test_a_name_unlike_all_others_is_told_every_shipped_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"; there are .*ada-cifar, .*stylegan2-small"):
        load("zzz")
