"""Commands and options of other programs, answered with ours; `elsewhere.toml` lists them."""

import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from stylegan_cli import api

Form = str | Mapping[str, str]
"""Our words for an option, or such words by the option's value."""

UNNEEDED: Form = {"*": ""}


@cache
def _listed() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@cache
def forms() -> Mapping[str, Mapping[str, Form]]:
    """Return our form of each option of the other programs, by our command."""
    listed = _listed()
    drawing = dict.fromkeys(listed["drawing"]["commands"], listed["drawing"])
    return {
        command: {
            **dict.fromkeys((*own.get("unneeded", ()), *shared.get("unneeded", ())), UNNEEDED),
            **{name: form for name, form in (shared | own).items() if not isinstance(form, list)},
        }
        for command, own in listed["options"].items()
        for shared in [drawing.get(command, {})]
    }


def _network(path: str) -> str:
    if not path.endswith((".pkl", ".pt")):
        return path
    ours = _safetensors(path)
    return f"{ours} # first run sgtool convert {path} {ours}"


def _safetensors(path: str) -> str:
    return str(Path(path).with_suffix(".safetensors"))


def _metrics(names: str) -> str:
    found = {_listed()["metrics"].get(_plain(name), "all") for name in names.split(",")}
    return found.pop() if len(found) == 1 else "all"


MADE_FROM_VALUE: Mapping[str, Callable[[str], object]] = {
    "network": _network,
    "safetensors": _safetensors,
    "metrics": _metrics,
    "zip": lambda path: Path(path).with_suffix(".zip"),
    "h5": lambda path: Path(path).with_suffix(".h5"),
    "side": lambda size: size.lower().split("x")[0].split(",")[0],
    "kimg": lambda images: f"{float(images) / 1000:g}",
    "last": lambda count: int(count) - 1,
    "last_of_square": lambda side: int(side) ** 2 - 1,
    "seconds_at_30": lambda frames: f"{int(frames) / 30:g}",
    "seconds_at_60": lambda frames: f"{int(frames) / 60:g}",
}


def in_our_words(typed: Sequence[str], wrong: str) -> str | None:
    """Answer a command line of another program with ours; None if what is wrong is not theirs.

    Args:
        wrong: The option, with its dashes, or the command that sgtool does not have.
    """
    command, rest = _command(typed)
    known = forms().get(command) or forms().get(command.partition(" ")[0]) or {}
    ours = typed[0] in (*command.split(), command)
    if not command or (wrong.startswith("-") and ours and _plain(wrong) not in known):
        return None
    found = _Answer(command=command)
    try:
        for option, value in _options(rest, known):
            if value is None:
                found.keep(option, _listed()["words"].get(command))
            else:
                found.take(option, value, known[_plain(option)])
    except ValueError:  # no number where theirs is one
        return None
    return None if found.words == tuple(typed) else str(found)


def _command(typed: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return our command, empty if it is unknown, and the words after theirs."""
    for count in (2, 1):
        theirs = " ".join(map(_plain, typed[:count]))
        ours = theirs if theirs in forms() else _our_command(theirs)
        if ours and len(typed) >= count and not typed[0].startswith("-"):
            return ours, typed[count:]
    given = {_plain(word.partition("=")[0]) for word in typed if word.startswith("--")}
    ours = next(
        (ours for theirs, ours in _listed()["commands_of_options"].items() if theirs in given), ""
    )
    return (ours, typed) if typed and typed[0].startswith("-") else ("", typed)


def _our_command(theirs: str) -> str | None:
    listed = _listed()
    metric = listed["metrics"].get(theirs.removeprefix("eval "))
    is_metric = metric and theirs.startswith("eval ")
    return f"eval {metric}" if is_metric else listed["commands"].get(theirs)


def _options(words: Sequence[str], forms: Mapping[str, Form]) -> Iterator[tuple[str, str | None]]:
    """Yield options with their values; other words, and options that we know, as they are."""
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        form = forms.get(_plain(name)) if word.startswith("-") else None
        if form is None:
            yield word, None
        elif equals:
            yield name, value
        else:
            takes_value = not isinstance(form, str) or "{" in form
            has_value = takes_value and left and not left[0].startswith("--")
            yield name, left.pop(0) if has_value else ""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """A command line of ours, and notes on what it does not say.

    Attributes:
        unneeded: Options of the other program that have no counterpart and need none.
    """

    command: str
    positionals: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unneeded: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [shlex.join(("sgtool", *self.words)), *self.notes]
        if self.unneeded:
            lines.append(f"not needed: {', '.join(self.unneeded)}")
        return "\n".join(f"  {line}" for line in lines)

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.command.split(), *_usual(self), *self.options)

    def has(self, option: str) -> bool:
        return any(word.partition("=")[0] == option for word in self.options)

    def keep(self, word: str, form: Form | None) -> None:
        """Add an option that we know as well, its value, or a word that is no option."""
        last = self.options[-1] if self.options else ""
        is_value = last.startswith("-") and "=" not in last
        if word.startswith("-") or is_value:
            self.options.append(word)
        elif form:
            self.take(word, word, form)
        else:
            self.positionals.append(word)

    def take(self, option: str, value: str, form: Form) -> None:
        """Add our form of an option."""
        words, _, note = _words(form, value).partition("#")
        filled = [word.replace("{}", value) for word in words.split()]
        (self.options if words.startswith("-") else self.positionals).extend(filled)
        if note:
            self.notes.append(f"{option}:{note.replace('{}', value)}")
        elif not filled and value:
            self.unneeded.append(option)


def _words(form: Form, value: str) -> str:
    words = form if isinstance(form, str) else form.get(value.lower(), form["*"])
    name = words.partition("{")[2].partition("}")[0]
    return words.replace(f"{{{name}}}", str(MADE_FROM_VALUE[name](value))) if name else words


def _usual(found: _Answer) -> Sequence[str]:
    """Return the words that are no options, with what those programs do by default."""
    command, words = found.command, found.positionals
    if command == "train":
        recipes = [word for word in words if word in api.recipe_names() or word.endswith(".toml")]
        data = [part for word in words if word not in recipes for part in ("--data", word)]
        with_data = bool(data) or found.has("--data")
        # without a recipe, a network to start from brings its own
        auto = [] if recipes or found.has("--init-from") or not with_data else ["auto"]
        return [*auto, *recipes, *data]
    if command == "convert" and len(words) == 1:
        return [*words, _safetensors(words[0])]
    if command == "project" and not found.has("--space"):
        return [*words, "--space", "w"]
    if command == "grid" and not found.has("--seeds"):
        return [*words, "--seeds", "0-15"]
    return words


def _plain(name: str) -> str:
    return name.lstrip("-").removesuffix(".py").replace("_", "-").lower()
