"""Where recipes are found: files of the user, and those shipped with the package."""

from difflib import get_close_matches
from pathlib import Path

from stylegan_cli.errors import RecipeError


def shipped() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def find(source: str | Path) -> Path:
    """The file of a recipe: an existing path first, then a shipped name.

    Args:
        source: A path, or a name such as `stylegan2`, `stylegan2.toml`, `recipes/stylegan2.toml`.

    Raises:
        RecipeError: There is neither; names the nearest shipped recipes.
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise RecipeError(str(source), ["a folder, not a recipe; name a .toml file"])
    name = str(source).removeprefix("recipes/").removesuffix(".toml")
    if name in shipped():
        return _folder() / f"{name}.toml"
    nearest = get_close_matches(name, shipped()) or shipped()
    raise RecipeError(
        str(source),
        [f"no such file or shipped recipe; shipped are for example {', '.join(nearest)}"],
    )


def _folder() -> Path:
    package = Path(__file__).parents[1]
    # the wheel carries the recipes inside the package, a checkout keeps them beside it
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"
