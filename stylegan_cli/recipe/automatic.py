"""Values that a recipe leaves to the tool."""

from dataclasses import replace

from stylegan_cli.recipe.sections import AugmentSection, Recipe


def resolve(recipe: Recipe) -> Recipe:
    """The recipe with every "auto", and every default that follows another key, decided.

    Weights that training starts from are averaged without a ramp-up, as in [ADA].
    """
    starts_trained = recipe.init.network is not None
    return replace(
        recipe,
        train=replace(recipe.train, ema_rampup=0.0) if starts_trained else recipe.train,
        loss=replace(recipe.loss, r1_gamma=r1_gamma(recipe)),
        augment=_resolved_augment(recipe),
        discriminator=replace(
            recipe.discriminator,
            channel_base=recipe.discriminator.channel_base or recipe.generator.channel_base,
            channel_max=recipe.discriminator.channel_max or recipe.generator.channel_max,
        ),
    )


def r1_gamma(recipe: Recipe) -> float:
    """Weight of R1; "auto" is 0.0002 · resolution² / batch_size, the rule of thumb of [ADA]."""
    gamma = recipe.loss.r1_gamma
    if gamma == "auto":
        return 0.0002 * recipe.data.resolution**2 / recipe.train.batch_size
    return gamma


def ada_kimg(recipe: Recipe) -> float:
    """How long p of ADA takes from 0 to 1; "auto" is 500 kimg, 100 from a network, as in [ADA]."""
    kimg = recipe.augment.ada_kimg
    if kimg == "auto":
        return 500.0 if recipe.init.network is None else 100.0
    return kimg


def _resolved_augment(recipe: Recipe) -> AugmentSection:
    # elsewhere the key does nothing, and is refused with another value than its default
    if recipe.augment.mode != "ada":
        return recipe.augment
    return replace(recipe.augment, ada_kimg=ada_kimg(recipe))
