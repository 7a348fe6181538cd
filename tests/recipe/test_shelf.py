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


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("stylgan2", "no such file or shipped recipe; did you mean stylegan2?"),
        ("min.toml", "no such file or shipped recipe; did you mean mine.toml?"),
        ("photos", "a folder, not a recipe; name a .toml file; pass images as `data`"),
        ("photos.zip", "not text, so no recipe; name a .toml file; pass images as `data`"),
    ],
)
def test_what_is_no_recipe_leads_to_what_was_meant(source, wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(RecipeError) as refused:
        load(source)
    assert str(refused.value) == f"{source}: {wanted}"


def test_a_name_unlike_all_others_is_told_every_shipped_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"; there are .*ada-cifar, .*stylegan2-small"):
        load("zzz")
