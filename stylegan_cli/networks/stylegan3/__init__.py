"""StyleGAN3, [SG3]: networks without aliasing, whose details move with the objects."""

from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.stylegan3.bands import LayerPlan, layer_plans, levels
from stylegan_cli.networks.stylegan3.synthesis import AliasFreeSynthesis
from stylegan_cli.recipe import Settled, families


def plans_of(recipe: Settled) -> list[LayerPlan]:
    """Plan the layers of a recipe's synthesis network, toRGB last."""
    section, bands = recipe.generator, recipe.bands
    found = levels(
        recipe.data.size.height,
        bands,
        channel_base=section.channel_base,
        channel_max=section.channel_max,
        channels=recipe.data.channels,
    )
    return layer_plans(found, bands, kernel=section.kernel, radial_filters=section.radial_filters)


register(
    Family(
        name="stylegan3",
        keys=families.keys_of("stylegan3"),
        synthesis=lambda blueprint: AliasFreeSynthesis(plans_of(blueprint.recipe), blueprint),
    )
)
