"""Rules that a recipe's values must keep together, beyond the range of each key."""

from collections.abc import Iterator
from dataclasses import dataclass

from stylegan_cli.recipe.sections import Recipe

RESOLUTIONS = (8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A rule that a recipe breaks.

    Attributes:
        keys: Dotted keys that take part; the first one is to blame.
        words: What is wrong, what was found, what to do.
    """

    keys: tuple[str, ...]
    words: str


def conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Every rule that the recipe breaks."""
    yield from _resolution(recipe)
    yield from _channels(recipe)
    yield from _batch(recipe)
    yield from _deviation(recipe)


def _resolution(recipe: Recipe) -> Iterator[Conflict]:
    side = recipe.data.resolution
    if side in RESOLUTIONS:
        return
    nearest = min(RESOLUTIONS, key=lambda known: abs(known - side))
    yield Conflict(
        keys=("data.resolution",),
        words=f"{side} is not a power of two from 8 to 1024; write for example {nearest}",
    )


def _channels(recipe: Recipe) -> Iterator[Conflict]:
    side = recipe.data.resolution
    for section in ("generator", "discriminator"):
        base = getattr(recipe, section).channel_base
        if base is not None and base < side:
            yield Conflict(
                keys=(f"{section}.channel_base", "data.resolution"),
                words=f"{base} leaves no channels at {side} px; write at least {side}",
            )


def _batch(recipe: Recipe) -> Iterator[Conflict]:
    batch, part = recipe.train.batch_size, recipe.train.batch_per_device
    if part is not None and batch % part:
        yield Conflict(
            keys=("train.batch_per_device", "train.batch_size"),
            words=f"{part} does not divide train.batch_size {batch}; write a divisor of it",
        )
        return
    held = batch if part is None else part
    group = min(recipe.discriminator.mbstd_group_size, held)
    if held % group:
        name = "train.batch_size" if part is None else "train.batch_per_device"
        yield Conflict(
            keys=("discriminator.mbstd_group_size", "train.batch_size", "train.batch_per_device"),
            words=f"{group} does not divide {name} {held}; write a divisor of it",
        )


def _deviation(recipe: Recipe) -> Iterator[Conflict]:
    section, generator = recipe.discriminator, recipe.generator
    base = section.channel_base or generator.channel_base
    features = min(base // 4, section.channel_max or generator.channel_max)
    if section.mbstd_channels and features % section.mbstd_channels:
        yield Conflict(
            keys=("discriminator.mbstd_channels", "discriminator.channel_max"),
            words=f"{section.mbstd_channels} does not divide D's {features} channels at 4 px; "
            "write a divisor of them, or 0 for none",
        )
