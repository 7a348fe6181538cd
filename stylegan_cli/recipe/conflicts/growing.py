"""Rules of progressive growing."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.conflicts.sizes import RESOLUTIONS
from stylegan_cli.recipe.sections import Recipe
from stylegan_cli.recipe.toml import inline


def growing_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Schedules that cannot be followed."""
    yield from _tables(recipe)
    if recipe.generator.architecture == "progressive":
        yield from _start(recipe)


def visited(recipe: Recipe) -> tuple[int, ...]:
    """The resolutions a run is trained at, in order."""
    final = recipe.data.resolution
    growing = recipe.generator.architecture == "progressive"
    first = recipe.growing.initial_resolution if growing else final
    return tuple(side for side in RESOLUTIONS if first <= side <= final)


def _tables(recipe: Recipe) -> Iterator[Conflict]:
    for name in ("batch_size", "lr"):
        wrong = [key for key in getattr(recipe.growing, name) if key not in map(str, RESOLUTIONS)]
        if wrong:
            yield Conflict(
                keys=(f"growing.{name}",),
                words=f"{inline(wrong[0])} is not a resolution; write powers of two from 4 to 1024",
            )


def _start(recipe: Recipe) -> Iterator[Conflict]:
    first, final = recipe.growing.initial_resolution, recipe.data.resolution
    if first in RESOLUTIONS and first <= final:
        return
    nearest = min(RESOLUTIONS, key=lambda known: abs(known - first))
    yield Conflict(
        keys=("growing.initial_resolution", "data.resolution", "generator.architecture"),
        words=f"{first} is not a power of two from 4 to data.resolution, {final}; "
        f"write for example {min(nearest, final)}",
    )
