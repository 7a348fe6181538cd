"""Recipes as TOML text: read, changed with `key=value`, written.

`Recipe` is what somebody wrote, `Settled` what runs.
"""

# ruff: noqa: F401 - names are imported for others

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby, takewhile
from pathlib import Path

from stylegan_cli.errors import RecipeError, meant, meant_or_all
from stylegan_cli.files import similar, system_reason
from stylegan_cli.recipe.architecture import (
    BandsSection,
    DataSection,
    DiscriminatorSection,
    GeneratorSection,
)
from stylegan_cli.recipe.automatic import Choice, Machine
from stylegan_cli.recipe.rules import unread_keys
from stylegan_cli.recipe.sections import (
    SCHEMA,
    AugmentSection,
    GrowingSection,
    InitSection,
    LossSection,
    ReportSection,
    Settled,
    TrainSection,
    inline,
)
from stylegan_cli.recipe.validation import LEADERS, Recipe, takes
from stylegan_cli.texts import text_of

IMAGES_ELSEWHERE = "name a .toml file; pass images as `data`"
MAX_CHARACTERS, MAX_DOTS = 2**18, 64
"""Limits of a recipe and of a key; beyond them, Python's TOML reader takes minutes."""
MAX_BYTES = 4 * MAX_CHARACTERS + 4


def shipped() -> tuple[str, ...]:
    """Return the names of the shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def find(source: str | Path) -> Path:
    """Find the file of a recipe: an existing path first, then a shipped name.

    Args:
        source: A path, or a name such as `stylegan2`, `stylegan2.toml`, `recipes/stylegan2.toml`.

    Raises:
        RecipeError: There is neither; names the closest match.
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        run = path / "recipe.toml"
        resume = f"name {run}, with `output={path}` to resume its run"
        way = resume if run.is_file() else IMAGES_ELSEWHERE
        raise RecipeError(str(source), [f"a folder, not a recipe; {way}"])
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


def read(source: str | Path, assignments: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a file or a shipped name.

    Args:
        assignments: Changes such as `train.batch_size=16`; values are TOML (a table
            `{8 = 64}`), bare words strings.

    Raises:
        RecipeError: There is no such recipe, it is not TOML, or an assignment is none.
    """
    return parse(_text(source), source=str(source), assignments=assignments)


def parse(text: str, *, source: str = "recipe", assignments: Sequence[str] = ()) -> Recipe:
    """Read a recipe from TOML text; arguments and errors as of `read`."""
    return change(Recipe(source=source, values=_parsed(text, source)), assignments)


def change(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Apply assignments to a recipe; arguments and errors as of `read`."""
    changes = dict(map(_assignment, assignments))
    return replace(
        recipe,
        values={**recipe.values, **changes},
        assigned=recipe.assigned.union(changes),
    )


def load(source: str | Path, overrides: Sequence[str] = ()) -> Settled:
    """Read and settle a recipe; keys that are "auto" are chosen for one process with a GPU.

    Args:
        source: A path, or the name of a shipped recipe.
        overrides: Assignments, as of `read`.

    Raises:
        RecipeError: There is no such recipe, or its problems, all at once.
    """
    return read(source, overrides).settle()


def loads(text: str, *, source: str = "recipe", overrides: Sequence[str] = ()) -> Settled:
    """Read and settle a recipe of TOML text; arguments and errors as of `load`."""
    return parse(text, source=source, assignments=overrides).settle()


def written(settled: Settled) -> Recipe:
    """Return a settled recipe as one to change: keys that follow others follow them again."""
    known = values(settled)
    kept = {
        key: value
        for key, value in known.items()
        if value is not None and not (key in LEADERS and value == known[LEADERS[key]])
    }
    return Recipe(source="recipe", values=kept)


def values(recipe: Settled) -> dict[str, object]:
    """Return every key of a recipe, dotted, with its value."""
    return _flat(asdict(recipe))


def dumps(recipe: Settled) -> str:
    """Write the complete recipe as TOML.

    Keys that are None, or that follow another one, stand in comments. A section of which nothing
    is read is left out.
    """
    known, text = values(recipe), ""
    unread = {key for key, *_ in unread_keys(recipe)}
    for section, group in groupby(known.items(), key=lambda item: item[0].rpartition(".")[0]):
        keys = dict(group)
        if not section or not keys.keys() <= unread:
            lines = (_line(key, value, known) for key, value in keys.items())
            text += (f"\n[{section}]\n" if section else "") + "".join(lines)
    return text


def header(source: str | Path) -> str:
    """Return the comment that opens the file of a recipe, with the blank line below it."""
    lines = takewhile(lambda line: line.startswith("#"), _text(source).splitlines())
    return "".join(f"{line}\n" for line in (*lines, ""))


def _text(source: str | Path) -> str:
    path = find(source)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
        return text_of(content).replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise RecipeError(str(path), [f"not text, so no recipe; {IMAGES_ELSEWHERE}"]) from None
    except OSError as error:
        raise RecipeError(str(path), [f"cannot be read ({system_reason(error)})"]) from None


def _parsed(text: str, source: str) -> dict[str, object]:
    if len(text) > MAX_CHARACTERS:
        raise RecipeError(source, [f"not a recipe: more than {MAX_CHARACTERS:,} characters"])
    if any(part.count(".") > MAX_DOTS for part in re.split(r"[=,{}\[\]\n]", text)):
        raise RecipeError(source, [f"not a recipe: a key of more than {MAX_DOTS} parts"])
    try:
        return _flat(tomllib.loads(text))
    # for integers of thousands of digits, Python raises no more than a ValueError
    except (ValueError, RecursionError) as error:
        windows = re.search(r'= *"[^"\n]*\\', text)
        hint = "; a path with \\ stands in single quotes" if windows else ""
        raise RecipeError(source, [f"not TOML ({error}); correct the file there{hint}"]) from None


def _line(key: str, value: object, known: Mapping[str, object]) -> str:
    name, leader = key.rpartition(".")[2], LEADERS.get(key)
    if leader and value == known[leader]:
        return f"# {name} follows {leader}\n"
    return f"# {name} is not set\n" if value is None else f"{name} = {inline(value)}\n"


def _flat(table: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _assignment(text: str) -> tuple[str, object]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals):
        raise RecipeError(text, ["not KEY=VALUE; write for example `train.batch_size=16`"])
    return key, _value(key, value)


def _value(key: str, text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}") if text.count(".") <= MAX_DOTS else {}
    except (ValueError, RecursionError):
        return text
    # a folder of images may be named 2024, so text stays text where only text is valid
    if len(table) != 1 or (takes(key, text) and not takes(key, table["value"])):
        return text
    return table["value"]
