import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import find, load


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
