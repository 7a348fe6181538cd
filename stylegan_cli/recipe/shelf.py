"""Where recipes are found: files of the user, and those shipped with the package."""

from pathlib import Path

from stylegan_cli.errors import RecipeError
from stylegan_cli.files import similar
from stylegan_cli.spelling import meant, meant_or_all

IMAGES_ELSEWHERE = "name a .toml file; images go behind --data"


def shipped() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def find(source: str | Path) -> Path:
    """The file of a recipe: an existing path first, then a shipped name.

    Args:
        source: A path, or a name such as `stylegan2`, `stylegan2.toml`, `recipes/stylegan2.toml`.

    Raises:
        RecipeError: There is neither; names what is spelt much like it.
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise RecipeError(str(source), [f"a folder, not a recipe; {IMAGES_ELSEWHERE}"])
    name = str(source).removeprefix("recipes/").removesuffix(".toml")
    if name in shipped():
        return _folder() / f"{name}.toml"
    lead = (
        meant(name, shipped()) or similar(path) or meant_or_all(name, shipped(), offer="there are")
    )
    raise RecipeError(str(source), [f"no such file or shipped recipe{lead}"])


def _folder() -> Path:
    package = Path(__file__).parents[1]
    # the wheel carries the recipes inside the package, a checkout keeps them beside it
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"
