"""`sgtool recipe`: list, show and check recipes, and explain their keys."""

from dataclasses import asdict
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.options import QuietFlag, SetFlag, command, command_group
from stylegan_cli.errors import RecipeError, UsageError

recipe_app = command_group(
    "List, show and check training recipes; explain their keys.",
    "sgtool recipe list",
    "sgtool recipe show stylegan2",
    "sgtool recipe keys loss",
)


RECIPE = typer.Argument(
    metavar="RECIPE", autocompletion=completion.recipes, help="File or name of a shipped recipe."
)


@command(recipe_app, "list")
def list_recipes(json: bool = False) -> None:
    """Print the name and title of every shipped recipe.

    Examples:
        sgtool recipe list
    """
    rows = [(name, api.load_recipe(name).title) for name in api.recipe_names()]
    if json:
        console.echo_json([{"name": name, "title": title} for name, title in rows])
    else:
        console.echo_table(("name", "title"), rows)


@command(recipe_app)
def show(name: Annotated[str, RECIPE], changes: SetFlag = None, json: bool = False) -> None:
    """Print a recipe with every key that it reads, including defaults.

    The output is a recipe itself: save it to a file and change it there.

    Examples:
        sgtool recipe show stylegan2
        sgtool recipe show stylegan2 --set data.resolution=256 > mine.toml
    """
    recipe = api.load_recipe(name, changes or ())
    if json:
        console.echo_json(asdict(recipe))
    else:
        typer.echo(api.recipe_header(name) + api.dump_recipe(recipe), nl=False)


@command(recipe_app)
def keys(part: str = "", /, json: bool = False) -> None:
    """Print the keys of recipes: type, default, meaning.

    --set takes them too. Defaults are those of StyleGAN2; other families have some of their own,
    which sgtool recipe show prints.

    Args:
        part (PART): Only keys whose name contains this, as loss or lr.

    Examples:
        sgtool recipe keys
        sgtool recipe keys loss
    """
    found = api.recipe_keys(part)
    if not found:
        raise UsageError(f"{part}: no key has this in its name; `sgtool recipe keys` lists all")
    if json:
        console.echo_json([asdict(key) for key in found])
    else:
        rows = [(key.name, key.type, key.default, key.description) for key in found]
        console.echo_table(("key", "type", "default", "description"), rows)


@command(recipe_app)
def check(
    files: Annotated[list[str], RECIPE], changes: SetFlag = None, quiet: QuietFlag = False
) -> None:
    """Report every problem of one or more recipes.

    Finds misspelled keys, values of the wrong type and values that contradict each other. Exits
    with 2 if there are any.

    Examples:
        sgtool recipe check mine.toml other.toml
        sgtool recipe check stylegan2 --set data.resolution=192x128
    """
    problems: list[str] = []
    for file in files:
        try:
            api.load_recipe(file, changes or ())
        except RecipeError as error:
            problems.append(str(error))
        else:
            console.note(f"{file}: no problems")
    if problems:
        raise UsageError("\n".join(problems))
