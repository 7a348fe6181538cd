"""What is said of recipes that cannot be used."""

import re

import pytest

from stylegan_cli.errors import RecipeError
from stylegan_cli.recipe import load, loads


def problems(text: str, *overrides: str) -> tuple[str, ...]:
    """The problems of a text with assignments over it."""
    with pytest.raises(RecipeError) as caught:
        loads(text, source="mine.toml", overrides=overrides)
    return caught.value.problems


def problems_of(name: str, *overrides: str) -> tuple[str, ...]:
    """The problems that assignments bring to a shipped recipe, without the assignments."""
    with pytest.raises(RecipeError) as caught:
        load(name, overrides)
    return tuple(re.sub("^`(.*?)=.*?`", r"\1", problem) for problem in caught.value.problems)
