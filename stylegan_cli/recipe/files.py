"""Recipes as TOML text: read, overridden with `key=value`, written."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path

from stylegan_cli.errors import RecipeError, meant, meant_or_all
from stylegan_cli.files import similar, system_reason
from stylegan_cli.recipe.automatic import Choice, Machine
from stylegan_cli.recipe.sections import Settled
from stylegan_cli.recipe.toml import inline
from stylegan_cli.recipe.validation import ANY_MACHINE, Values, automatic_choices, takes, validate

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


def load(
    source: str | Path, overrides: Sequence[str] = (), *, machine: Machine = ANY_MACHINE
) -> Settled:
    """The recipe of a file or of a shipped name, with overrides applied and no key "auto".

    Args:
        source: A path, or the name of a shipped recipe.
        overrides: Assignments such as `train.batch_size=16`; values are TOML (a table
            `{8 = 64}`), bare words strings.
        machine: What keys that are "auto" look at; one process with a GPU if not given.

    Raises:
        RecipeError: No such recipe, or its problems, all at once.
    """
    return loads(_read(source), source=str(source), overrides=overrides, machine=machine)


def loads(
    text: str,
    *,
    source: str = "recipe",
    overrides: Sequence[str] = (),
    machine: Machine = ANY_MACHINE,
) -> Settled:
    """The recipe of a TOML text, with overrides applied and no key "auto".

    Args:
        source: Where the text came from, for messages.
        overrides: As in `load`.
        machine: As in `load`.

    Raises:
        RecipeError: The problems of the text, all at once.
    """
    return _overridden(_parse(text, source), source, overrides, machine)


def choices(
    source: str | Path, overrides: Sequence[str] = (), *, machine: Machine = ANY_MACHINE
) -> dict[str, Choice]:
    """What the keys come to that are "auto" in a recipe, and why; arguments as of `load`."""
    stated = _parse(_read(source), str(source))
    return automatic_choices({**stated, **dict(map(_assignment, overrides))}, machine)


def override(recipe: Settled, overrides: Sequence[str]) -> Settled:
    """The recipe with assignments such as `train.batch_size=16` applied.

    Raises:
        RecipeError: The problems of the assignments, all at once.
    """
    given = {key: value for key, value in values(recipe).items() if value is not None}
    return _overridden(given, "recipe", overrides, ANY_MACHINE)


def values(recipe: Settled) -> dict[str, object]:
    """Every key of a recipe, dotted, with its value."""
    return _flat(asdict(recipe))


def dumps(recipe: Settled) -> str:
    """The complete recipe as TOML; keys that are None (TOML has none) are named in comments."""
    table = asdict(recipe)
    top = {key: value for key, value in table.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in table.items() if isinstance(value, dict)}
    return _lines(top) + "".join(
        f"\n[{name}]\n{_lines(section)}" for name, section in sections.items()
    )


def header(source: str | Path) -> str:
    """The comment that opens the file of a recipe, with the blank line below it."""
    lines = takewhile(lambda line: line.startswith("#"), _read(source).splitlines())
    return "".join(f"{line}\n" for line in (*lines, ""))


def _read(source: str | Path) -> str:
    path = find(source)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RecipeError(str(path), [f"not text, so no recipe; {IMAGES_ELSEWHERE}"]) from None
    except OSError as error:
        raise RecipeError(str(path), [f"cannot be read ({system_reason(error)})"]) from None


def _parse(text: str, source: str) -> dict[str, object]:
    try:
        return _flat(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(source, [f"not TOML ({error}); correct the file there"]) from None


def _lines(values: Mapping[str, object]) -> str:
    return "".join(
        f"# {key} is not set\n" if value is None else f"{key} = {inline(value)}\n"
        for key, value in values.items()
    )


def _flat(table: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _overridden(values: Values, source: str, overrides: Sequence[str], machine: Machine) -> Settled:
    changes = dict(_assignment(text) for text in overrides)
    return validate({**values, **changes}, source, overridden=changes, machine=machine)


def _assignment(text: str) -> tuple[str, object]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals):
        raise RecipeError(
            "--set", [f"{text}: not KEY=VALUE; write for example train.batch_size=16"]
        )
    return key, _value(key, value)


def _value(key: str, text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    # a data set may lie in a folder named 2024: text where only text is right
    if len(table) > 1 or (takes(key, text) and not takes(key, table["value"])):
        return text
    return table["value"]
