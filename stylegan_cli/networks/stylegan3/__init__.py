"""StyleGAN3, [SG3]: networks without aliasing, whose details move with the objects."""

import torch

from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.stylegan3.bands import LayerPlan, layer_plans, levels
from stylegan_cli.networks.stylegan3.synthesis import AliasFreeSynthesis, SynthesisOptions
from stylegan_cli.ops import BackendName
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


def _synthesis(
    recipe: Settled, *, w_dim: int, dtype: torch.dtype, backend: BackendName
) -> AliasFreeSynthesis:
    half_life = recipe.train.magnitude_kimg * 1000
    options = SynthesisOptions(
        w_dim=w_dim,
        output_scale=recipe.bands.output_scale,
        clamp=recipe.generator.conv_clamp,
        magnitude_beta=0.5 ** (recipe.train.batch_size / half_life),
        dtype=dtype,
        backend=backend,
    )
    return AliasFreeSynthesis(plans_of(recipe), options)


register(Family(name="stylegan3", keys=families.keys_of("stylegan3"), synthesis=_synthesis))
