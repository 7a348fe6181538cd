"""Rules of batches: how they come out on a device and in D's groups."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.conflicts.growing import visited
from stylegan_cli.recipe.sections import Recipe

_SIZES = ("train.batch_size", "growing.batch_size", "growing.initial_resolution")


def batch_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Batches, at any resolution of the run, that do not come out even."""
    for side in visited(recipe):
        yield from _at(recipe, side)


def _at(recipe: Recipe, side: int) -> Iterator[Conflict]:
    size, size_words = _batch(recipe, side)
    room, room_words = _room(recipe, side)
    held, held_words = size, size_words
    if room is not None and room < size:
        held, held_words = room, f"train.batch_per_device {room_words}"
    if size % held:
        yield Conflict(
            keys=("train.batch_per_device", *_SIZES),
            words=f"{room_words} does not divide {size_words}; write one that does",
        )
    group = min(recipe.discriminator.mbstd_group_size, held)
    if held % group:
        yield Conflict(
            keys=("discriminator.mbstd_group_size", "train.batch_per_device", *_SIZES),
            words=f"{group} does not divide {held_words}; write one that does",
        )


def _batch(recipe: Recipe, side: int) -> tuple[int, str]:
    """Images a step at a resolution, also with the key that says so."""
    size = recipe.growing.batch_size.get(str(side))
    if size is None:
        return recipe.train.batch_size, f"train.batch_size {recipe.train.batch_size}"
    return size, f"growing.batch_size {{{side} = {size}}}"


def _room(recipe: Recipe, side: int) -> tuple[int | None, str]:
    """Images a device may hold at a resolution, also in words; None if as many as there are."""
    part = recipe.train.batch_per_device
    if part is None:
        return None, ""
    room = part * (recipe.data.resolution // side) ** 2
    return room, str(part) if room == part else f"{part} ({room} at {side} px)"
