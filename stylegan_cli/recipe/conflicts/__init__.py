"""Rules that a recipe's values must keep together, beyond the range of each key."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.batches import batch_conflicts
from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.conflicts.freezing import freezing_conflicts
from stylegan_cli.recipe.conflicts.growing import growing_conflicts
from stylegan_cli.recipe.conflicts.idle import idle_keys
from stylegan_cli.recipe.conflicts.networks import network_conflicts
from stylegan_cli.recipe.conflicts.sizes import size_conflicts
from stylegan_cli.recipe.conflicts.styles import style_conflicts
from stylegan_cli.recipe.sections import Recipe

__all__ = ["Conflict", "conflicts"]


def conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Every rule that the recipe breaks; a rule comes after those it takes for granted."""
    yield from network_conflicts(recipe)
    yield from style_conflicts(recipe)
    yield from size_conflicts(recipe)
    yield from idle_keys(recipe)
    yield from growing_conflicts(recipe)
    yield from batch_conflicts(recipe)
    yield from freezing_conflicts(recipe)
