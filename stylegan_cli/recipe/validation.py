"""From dotted keys and raw values to a recipe, or to all of their problems at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import is_dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import families
from stylegan_cli.recipe.automatic import AUTO, Choice, Machine, can_be_automatic, choices
from stylegan_cli.recipe.rules import conflicts
from stylegan_cli.recipe.sections import SCHEMA, Settled
from stylegan_cli.recipe.toml import inline

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Values = Mapping[str, object]
"""Raw values by dotted key, such as `{"train.batch_size": 16}`."""

ANY_MACHINE = Machine()


@cache
def sections() -> Mapping[str, type[Any]]:
    """The class of every section, by name."""
    hints = get_type_hints(Settled)
    return {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }


@cache
def key_types() -> Mapping[str, Any]:
    """The type of every key a recipe may have, by dotted key."""
    types = get_type_hints(Settled, include_extras=True)
    for name, section in sections().items():
        del types[name]
        hints = get_type_hints(section, include_extras=True)
        types |= {f"{name}.{key}": hint for key, hint in hints.items()}
    return types


def takes(key: str, value: object) -> bool:
    """Whether the key exists and may have this value."""
    return (value == AUTO and can_be_automatic(key)) or not _judge(key, value)[0]


def validate(
    values: Values, source: str, overridden: Collection[str] = (), machine: Machine = ANY_MACHINE
) -> Settled:
    """The recipe with these values, elsewhere the defaults of its family.

    Args:
        source: The file or name the values came from, for messages.
        overridden: Keys whose value came from `--set` instead.
        machine: What keys that are "auto" look at.

    Raises:
        RecipeError: With every problem: unknown keys, wrong values, broken rules.
    """
    _check_schema(values.get("schema", SCHEMA), source)
    problems: dict[str, str] = {}
    good: dict[str, object] = {}
    for key, value in _decided(_with_family(values), machine).items():
        problem, good_value = _judge(key, value)
        if problem:
            problems[key] = problem
        else:
            good[key] = good_value
    recipe = _build(good)
    for conflict in conflicts(recipe):
        # a rule among values already found wrong says nothing new
        if not problems.keys() & set(conflict.keys):
            problems[conflict.keys[0]] = conflict.words
    if problems:
        lines = [
            f"--set {key}: {words}" if key in overridden else f"{key}: {words}"
            for key, words in problems.items()
        ]
        raise RecipeError(source, lines)
    return recipe


def automatic_choices(values: Values, machine: Machine) -> dict[str, Choice]:
    """What those of the values that are "auto" come to."""
    return choices(_with_family(values), machine)


def _decided(values: Values, machine: Machine) -> Values:
    chosen = choices(values, machine)
    return {
        key: chosen[key].value if key in chosen else value
        for key, value in values.items()
        # what could not be chosen hangs on a value that is wrong itself
        if key in chosen or value != AUTO or not can_be_automatic(key)
    }


def _with_family(values: Values) -> Values:
    return {**families.keys_of(values.get("generator.family")).defaults, **values}


def _check_schema(schema: object, source: str) -> None:
    if schema == SCHEMA and type(schema) is int:
        return
    if type(schema) is int and schema > SCHEMA:
        words = f"schema {schema} is newer than this sgtool reads ({SCHEMA}); upgrade sgtool"
    else:
        words = f"schema: unknown version {_shown(schema)}; write schema = {SCHEMA}"
    raise RecipeError(source, [words])


def _judge(key: str, value: object) -> tuple[str, object]:
    from pydantic import ValidationError

    if key not in key_types():
        return _unknown_key(key), None
    try:
        return "", _adapter(key).validate_python(value)
    except ValidationError as error:
        return _wrong(key, value, error.errors(include_url=False)), None


@cache
def _adapter(key: str) -> "TypeAdapter[Any]":
    from pydantic import ConfigDict, TypeAdapter

    # strict: the lax mode would take "256" for an int
    return TypeAdapter(key_types()[key], config=ConfigDict(strict=True, allow_inf_nan=False))


def _wrong(key: str, value: object, details: Sequence["ErrorDetails"]) -> str:
    if _is_table(key) and isinstance(value, dict):
        return "; ".join(
            f"{detail['loc'][0]} {_expected([detail])}, found {_shown(detail['input'])}"
            for detail in details
        )
    return f"{_expected(details)}, found {_shown(value)}"


def _expected(details: Sequence["ErrorDetails"]) -> str:
    texts = (detail["msg"].replace("dictionary", "table") for detail in details)
    return "should be " + " or ".join(text.removeprefix("Input should be ") for text in texts)


def _is_table(key: str) -> bool:
    return get_origin(key_types().get(key)) is Mapping


def _unknown_key(key: str) -> str:
    if key in sections():
        return f"a section, not a key; write [{key}] and its keys below"
    table, _, entry = key.rpartition(".")
    if _is_table(table):
        return f"an entry, not a key; set the whole table, {table}={{{entry} = …}}"
    return "no such key" + _hint(key)


def _hint(key: str) -> str:
    nearest = max(key_types(), key=lambda known: _likeness(key, known))
    if _likeness(key, nearest) < 0.7:
        return "; `sgtool recipe show stylegan2` lists all keys"
    return f"; did you mean {nearest}?"


def _likeness(key: str, known: str) -> float:
    section, _, name = key.rpartition(".")
    known_section, _, known_name = known.rpartition(".")
    # the right name in the wrong section is nearer than the reverse
    same_section = SequenceMatcher(None, section, known_section).ratio()
    return SequenceMatcher(None, name, known_name).ratio() + 0.2 * same_section


def _shown(value: object) -> str:
    """The value as TOML, cut to a line."""
    if isinstance(value, dict):
        return "a table"
    text = inline(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _build(values: Values) -> Settled:
    parts: dict[str, Any] = {key: value for key, value in values.items() if "." not in key}
    for name, section in sections().items():
        prefix = f"{name}."
        mine = {key: value for key, value in values.items() if key.startswith(prefix)}
        parts[name] = section(**{key.removeprefix(prefix): mine[key] for key in mine})
    return Settled(**parts)
