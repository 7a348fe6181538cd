"""Output: results on stdout; notes, warnings, errors and progress on stderr.

Rich draws only the bars: it would wrap long paths and read `[…]` in them as markup.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console


Level = Literal["quiet", "normal", "verbose"]
T = TypeVar("T")

PLAIN_SECONDS = 10.0
"""Interval between progress lines without a terminal."""

_PARAMETER = re.compile(r"`(?P<name>[a-z]\w*(\.\w+)*)(=(?P<value>[^`]*))?`", re.ASCII)
_level: Level = "normal"


def set_level(level: Level) -> None:
    """Set how much is printed from here on; warnings and errors always are."""
    global _level
    _level = level


def note(text: str) -> None:
    """Print what was done or decided, except with `--quiet`."""
    if _level != "quiet":
        _say(text)


def detail(text: str) -> None:
    """Print a detail, only with `--verbose`."""
    if _level == "verbose":
        _say(text)


def warn(text: str) -> None:
    """Print a warning."""
    _say(text, prefix="warning: ", colour="yellow")


def error(text: str) -> None:
    """Print an error, one line per problem."""
    for line in text.splitlines():
        _say(line, prefix="error: ", colour="red")


def on_terminal() -> bool:
    """Return True if stderr is a terminal and not quiet, so that bars make sense."""
    return _level != "quiet" and sys.stderr.isatty()


def rich_console() -> "Console":
    """Return a Rich console on stderr that leaves markup, emoji and numbers in texts alone."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def track(
    items: Iterable[T], *, label: str, total: int | None, count: Callable[[T], int] | None = None
) -> Iterator[T]:
    """Yield the items while a bar, or now and then a plain line, shows progress.

    Args:
        total: Length of the whole work, None if unknown.
        count: Share of an item in it; 1 if not given.
    """
    if on_terminal():
        yield from _with_bar(items, label, total, count)
    else:
        yield from _with_lines(items, label, total, count)


def printable(text: str) -> str:
    """Return a text with its control characters escaped, so that a terminal obeys none."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def flags(text: str) -> str:
    """Return a message of the library with its parameters and recipe keys as flags.

    `crossover=99` becomes --crossover 99, `loop=False` --no-loop, `train.lr_g=0.002`
    --set train.lr_g=0.002.
    """
    return _PARAMETER.sub(_flag, text)


def _flag(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    if "." in name:
        return name if value is None else f"--set {name}={value}"
    flag = name.replace("_", "-")
    if value == "False":
        return f"--no-{flag}"
    return f"--{flag}" if value in (None, "True") else f"--{flag} {value}"


def _say(text: str, prefix: str = "", colour: str | None = None) -> None:
    text = flags(printable(text))
    if prefix and "NO_COLOR" not in os.environ:
        prefix = typer.style(prefix, fg=colour, bold=True)
    typer.echo(prefix + text, err=True)


def _with_bar(
    items: Iterable[T], label: str, total: int | None, count: Callable[[T], int] | None
) -> Iterator[T]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=rich_console(), transient=True) as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task, count(item) if count else 1)


def _with_lines(
    items: Iterable[T], label: str, total: int | None, count: Callable[[T], int] | None
) -> Iterator[T]:
    done, began = 0, time.monotonic()
    said = began
    for item in items:
        yield item
        done += count(item) if count else 1
        now = time.monotonic()
        if now - said >= PLAIN_SECONDS:
            note(f"{label}: {done}{_of(done, total, now - began)}")
            said = now


def _of(done: int, total: int | None, seconds: float) -> str:
    if total is None or not done:
        return ""
    left = timedelta(seconds=round(seconds / done * (total - done)))
    return f" of {total}, {left} left"


def echo_json(value: object) -> None:
    """Print a value as one JSON document, with null for NaN and infinity, which JSON lacks."""
    strict = json.loads(json.dumps(value), parse_constant=lambda _: None)
    text = json.dumps(strict, indent=2, ensure_ascii=False)
    # that leaves controls beyond ASCII as they are, and bytes of a name that are no text
    typer.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def echo_result(paths: Iterable[object], facts: object, *, as_json: bool) -> None:
    """Print the paths of a result, a line each, or facts about it as JSON."""
    if as_json:
        echo_json(facts)
        return
    for path in paths:
        typer.echo(path)


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows: aligned under headings on a terminal, tab-separated without them elsewhere."""
    cells = [[printable(str(cell)).replace("\n", "\\n") for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(row))
        return
    lines = [list(columns), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())
