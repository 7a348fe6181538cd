"""Parameters that library messages name are options or recipe keys that exist."""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

import stylegan_cli
from stylegan_cli.cli.app import app
from stylegan_cli.recipe.validation import key_types

PACKAGE = Path(stylegan_cli.__file__).parent
NAMED = re.compile(r"`([a-z]\w*(?:\.\w+)*)(?:=[^`]*)?`", re.ASCII)


def options(command):
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            yield option.lstrip("-").removeprefix("no-").replace("-", "_")
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


def texts(tree):
    """String constants that are no docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.value


def named(tree):
    """Parameters in backticks, and those of `parameter=`."""
    for text in texts(tree):
        yield from NAMED.findall(text)
    for node in ast.walk(tree):
        is_parameter = isinstance(node, ast.keyword) and node.arg == "parameter"
        if is_parameter and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "cli" not in path.parts[-3:]]
OTHER_PROGRAMS = re.compile(
    r"pip |torchrun|`sgtool [^`]*`|channel_multiplier|load it with|--latent|--n_mlp"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_parameter_in_a_message_is_an_option_or_a_key(path):
    known = {*options(get_command(app)), *key_types()}
    found = set(named(ast.parse(path.read_text(encoding="utf-8"))))
    assert found - known == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_names_no_option_with_dashes(path):
    found = texts(ast.parse(path.read_text(encoding="utf-8")))
    flags = [text for text in found if re.search(r"(?<![\w-])--[a-z]", text)]
    assert [text for text in flags if not OTHER_PROGRAMS.search(text)] == []
