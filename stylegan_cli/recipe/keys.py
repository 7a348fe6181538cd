"""The keys of a recipe: types, defaults, and what the docstrings of the sections say of them."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from stylegan_cli.recipe import values
from stylegan_cli.recipe.automatic import AUTO, can_be_automatic
from stylegan_cli.recipe.sections import Settled, inline
from stylegan_cli.recipe.validation import key_types, sections

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key that a recipe may set.

    Attributes:
        name: With its section, as `train.batch_size`.
        type: Valid values, in words.
        default: That of StyleGAN2, as TOML; empty if the key is unset.
        description: One or more sentences.
    """

    name: str
    type: str
    default: str
    description: str


def recipe_keys(part: str = "") -> tuple[Key, ...]:
    """Return the keys whose name contains a text, all if it is empty."""
    defaults = values(Settled())
    texts = _descriptions()
    return tuple(
        Key(
            name=name,
            type=_words(hint) + (f" | {inline(AUTO)}" if can_be_automatic(name) else ""),
            default="" if defaults[name] is None else inline(defaults[name]),
            description=texts.get(name, ""),
        )
        for name, hint in key_types().items()
        if part in name
    )


def _descriptions() -> Mapping[str, str]:
    texts = dict(_attributes(Settled))
    for section, cls in sections().items():
        texts |= {f"{section}.{name}": text for name, text in _attributes(cls)}
    return texts


def _attributes(cls: type[Any]) -> Iterator[tuple[str, str]]:
    """Yield names and texts under `Attributes:` in a docstring."""
    for match in _ENTRY.finditer(inspect.getdoc(cls) or ""):
        yield match[1], " ".join(match[2].replace("**", "").split())


def _words(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = [_bounds(bound) for bound in parts[1:]]
        return " ".join([_words(parts[0]), *filter(None, bounds)])
    if origin is Literal:
        return " | ".join(map(inline, parts))
    if origin in (Union, UnionType):
        return " | ".join(_words(part) for part in parts if part is not NoneType)
    if origin is Mapping:
        return f"table of {_words(parts[1])}"
    return str(hint.__name__)


def _bounds(bound: object) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = {sign: getattr(bound, name, None) for name, sign in signs.items()}
    # a bound that only keeps numbers in 32 bits tells a reader nothing
    told = {sign: value for sign, value in found.items() if value is not None and value < 2**31}
    return " ".join(f"{sign} {value}" for sign, value in told.items())
