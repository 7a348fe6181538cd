"""Written recipes, and how they are settled: every key a value, or all problems at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from stylegan_cli.errors import RecipeError, meant
from stylegan_cli.recipe import families
from stylegan_cli.recipe.automatic import AUTO, Choice, Machine, can_be_automatic, choices
from stylegan_cli.recipe.rules import conflicts
from stylegan_cli.recipe.sections import SCHEMA, LossSection, Settled, inline

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Values = Mapping[str, object]
"""Raw values by dotted key, such as `{"train.batch_size": 16}`."""

ANY_MACHINE = Machine()
LEADERS = {f"discriminator.{name}": f"generator.{name}" for name in ("channel_base", "channel_max")}
"""Keys that a recipe may leave out, and the key whose value they then take."""

MOST_KEYS = 500
"""In a recipe; about five times as many as there are."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Keys and values as somebody wrote them; some may be "auto", and any may be wrong.

    Attributes:
        source: File or name, for messages.
        values: Raw values by dotted key; the defaults of the family hold for all others.
        assigned: Keys whose value comes from an assignment rather than from the source.
    """

    source: str
    values: Values
    assigned: frozenset[str] = frozenset()

    def choices(self, machine: Machine = ANY_MACHINE) -> dict[str, Choice]:
        """Return the values chosen for the keys that are "auto"."""
        return choices(self._with_family(), machine)

    def settle(self, machine: Machine = ANY_MACHINE) -> Settled:
        """Decide every key.

        Raises:
            RecipeError: With every problem: unknown keys, wrong values, broken rules.
        """
        _check_schema(self.values.get("schema", SCHEMA), self.source)
        if len(self.values) > MOST_KEYS:
            # each unknown key is compared with all known ones
            words = f"{len(self.values):,} keys, where no recipe has more than {MOST_KEYS}"
            raise RecipeError(self.source, [words])
        problems: dict[str, str] = {}
        good: dict[str, object] = {}
        for key, value in self._decided(machine).items():
            problem, good_value = _judge(key, value)
            if problem:
                problems[key] = problem
            else:
                good[key] = good_value
        settled = _build(_with_followers(good))
        for conflict in conflicts(settled):
            # a rule among values already found wrong says nothing new
            if not problems.keys() & set(conflict.keys):
                problems[conflict.keys[0]] = conflict.words
        if problems:
            raise RecipeError(self.source, [self._line(*problem) for problem in problems.items()])
        return settled

    def _line(self, key: str, words: str) -> str:
        named = f"`{key}={_shown(self.values[key])}`" if key in self.assigned else key
        return f"{named}: {words}"

    def _decided(self, machine: Machine) -> Values:
        # its default depends on where the weights come from, so no section can have it
        values = {"augment.ada_kimg": AUTO, **self._with_family()}
        chosen = choices(values, machine)
        return {
            key: chosen[key].value if key in chosen else value
            for key, value in values.items()
            # a choice is missing only where it depends on a value that is wrong itself
            if key in chosen or value != AUTO or not can_be_automatic(key)
        }

    def _with_family(self) -> Values:
        return {**families.keys_of(self.values.get("generator.family")).defaults, **self.values}


@cache
def sections() -> Mapping[str, type[Any]]:
    """Return the class of every section, by name."""
    hints = get_type_hints(Settled)
    return {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }


@cache
def key_types() -> Mapping[str, Any]:
    """Return the type of every key, by dotted key."""
    types = get_type_hints(Settled, include_extras=True)
    for name, section in sections().items():
        del types[name]
        hints = get_type_hints(section, include_extras=True)
        types |= {f"{name}.{key}": hint for key, hint in hints.items()}
    return types


def takes(key: str, value: object) -> bool:
    """Return whether the key exists and may have this value."""
    return (value == AUTO and can_be_automatic(key)) or not _judge(key, value)[0]


def _with_followers(values: Values) -> Values:
    """Return values that are right with those that follow from others.

    Weights that training starts from are averaged without a ramp-up, as in [ADA], and their images
    shown to D without a blur, as in [SG3].
    """
    led = {key: values[leader] for key, leader in LEADERS.items() if leader in values}
    if values.get("init.network") is None:
        return {**led, **values}
    blur = {f"loss.{name}": getattr(LossSection, name) for name in ("blur_sigma", "blur_fade_kimg")}
    return {**led, **values, **blur, "train.ema_rampup": 0.0}


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
    hint = meant(str(value), re.findall("'([^']+)'", details[0]["msg"]))
    return f"{_expected(details)}, found {_shown(value)}{hint}"


_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "is_instance_of": "a list",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le:g}",
    "mapping_type": "a table",
    "sequence_str": "a list",
    "string_type": "text in quotes",
    "too_long": "a list of {max_length}",
    "too_short": "a list of {min_length}",
}
"""Words for the kinds of pydantic's errors."""


def _expected(details: Sequence["ErrorDetails"]) -> str:
    texts = (
        _EXPECTED[detail["type"]].format(**detail.get("ctx", {}))
        if detail["type"] in _EXPECTED
        else detail["msg"].removeprefix("Input should be ")
        for detail in details
    )
    return "should be " + " or ".join(dict.fromkeys(texts))


def _is_table(key: str) -> bool:
    return get_origin(key_types().get(key)) is Mapping


def _unknown_key(key: str) -> str:
    if key in sections():
        return f"a section, not a key; write [{key}] and its keys below"
    table, _, entry = key.rpartition(".")
    if _is_table(table):
        return f"an entry, not a key; set the whole table, `{table}={{{entry} = …}}`"
    return "no such key" + _hint(key)


def _hint(key: str) -> str:
    nearest = max(key_types(), key=lambda known: _likeness(key, known))
    if _likeness(key, nearest) < 0.7:
        return "; `sgtool recipe keys` lists all"
    return f"; did you mean {nearest}?"


def _likeness(key: str, known: str) -> float:
    section, _, name = key.rpartition(".")
    known_section, _, known_name = known.rpartition(".")
    # the right name in the wrong section is nearer than the reverse
    same_section = SequenceMatcher(None, section, known_section).ratio()
    return SequenceMatcher(None, name, known_name).ratio() + 0.2 * same_section


def _shown(value: object) -> str:
    """Return the value as TOML, cut to a line."""
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
