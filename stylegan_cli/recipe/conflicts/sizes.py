"""Rules of sizes: images, channels, latent codes."""

from collections.abc import Iterator

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.sections import Recipe

RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)


def size_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Sizes that no network can be built with."""
    yield from _resolution(recipe)
    yield from _smallest(recipe)
    yield from _channels(recipe)
    yield from _deviation(recipe)
    yield from _latents(recipe)


def _resolution(recipe: Recipe) -> Iterator[Conflict]:
    side = recipe.data.resolution
    if side in RESOLUTIONS:
        return
    nearest = min(RESOLUTIONS, key=lambda known: abs(known - side))
    yield Conflict(
        keys=("data.resolution",),
        words=f"{side} is not a power of two from 4 to 1024; write for example {nearest}",
    )


def _smallest(recipe: Recipe) -> Iterator[Conflict]:
    architecture = recipe.discriminator.architecture
    if recipe.data.resolution == 4 and architecture in ("orig", "resnet"):
        yield Conflict(
            keys=("discriminator.architecture", "data.resolution"),
            words=f'"{architecture}" has no layer that reads images of 4 px; write "skip"',
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


def _latents(recipe: Recipe) -> Iterator[Conflict]:
    z_dim, w_dim = recipe.generator.z_dim, recipe.generator.w_dim
    if recipe.generator.mapping_layers == 0 and w_dim != z_dim:
        yield Conflict(
            keys=("generator.w_dim", "generator.z_dim", "generator.mapping_layers"),
            words=f"{w_dim}, but without mapping layers w is z; write generator.z_dim, {z_dim}",
        )
