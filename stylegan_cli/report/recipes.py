"""The recipes of the runs: differences from the family's defaults, then every key."""

from collections.abc import Iterator, Mapping, Sequence

from stylegan_cli.recipe import Settled, loads, values
from stylegan_cli.recipe.toml import inline
from stylegan_cli.report.markup import Html, element, text
from stylegan_cli.report.run import Run, run_names
from stylegan_cli.report.table import facts_table

UNSET = "not set"
DEFAULT = "default"


def recipes(runs: Sequence[Run]) -> Iterator[Html]:
    """Show a table of the differences, and the full text of each recipe folded away."""
    readable = {run.name: run.recipe for run in runs if run.recipe is not None}
    names = run_names(runs)
    if readable:
        columns = [names[name] for name in readable]
        yield facts_table([*columns, text(DEFAULT)], differences(list(readable.values())))
    for run in runs:
        summary = element("summary", text(f"Every key of {run.name}"))
        yield element("details", summary, element("pre", text(run.recipe_text)))


def differences(recipes: Sequence[Settled]) -> dict[str, list[str]]:
    """Return every key that is not the same default in all recipes: its values, and the default.

    Keys in which the recipes differ from each other come first.
    """
    own = [values(recipe) for recipe in recipes]
    standard = [_defaults(recipe) for recipe in recipes]
    rows = {
        key: _row([each[key] for each in own], [each[key] for each in standard])
        for key in own[0]
        if any(each[key] != standard[0][key] for each in (*own, *standard))
    }
    return dict(sorted(rows.items(), key=lambda row: len(set(row[1][:-1])) == 1))


def _row(found: Sequence[object], defaults: Sequence[object]) -> list[str]:
    written = {_written(default) for default in defaults}
    default = written.pop() if len(written) == 1 else "by family"
    return [*map(_written, found), default]


def _defaults(recipe: Settled) -> Mapping[str, object]:
    return values(loads(f'generator.family = "{recipe.generator.family}"'))


def _written(value: object) -> str:
    if value is None:
        return UNSET
    return value if isinstance(value, str) else inline(value)
