"""Calls that the parser refuses: its words, and what it leaves unsaid."""

import re
from typing import Any

import typer

from stylegan_cli.spelling import meant

_NO_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<choices>'.*')\.?")


def with_advice(error: typer.BadParameter) -> typer.BadParameter:
    """The refusal, with the choice that was meant or, where something is missing, an example."""
    # words of the library that typer reads values with
    message = error.message.removeprefix("Value error, ").rstrip(".")
    error.message = message + _nearest_choice(message) if message else _example(error.ctx)
    return error


def _nearest_choice(message: str) -> str:
    found = _NO_CHOICE.fullmatch(message)
    return meant(found["given"], re.findall("'([^']*)'", found["choices"])) if found else ""


def _example(ctx: Any) -> str:
    """The first example of the command's help."""
    lines = (ctx.command.epilog or "").splitlines() if ctx else []
    example = next((line.strip() for line in lines if line.startswith("  ")), "")
    return f"For example: {example}" if example else ""
