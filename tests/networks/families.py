"""Small recipes of the networks that grow."""

from dataclasses import replace

from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Recipe

GROWING = ("progan", "traditional", "stylegan1", "stylegan2")
"""Every kind of growing network; "traditional" is StyleGAN's without styles, but with a mapping."""


def small(kind: str) -> Recipe:
    """Recipe of 16 px networks of a kind."""
    generator = GeneratorSection(
        family="stylegan1" if kind == "traditional" else kind,
        architecture="progressive",
        z_dim=8,
        w_dim=8,
        mapping_layers=2,
        channel_base=256,
        channel_max=16,
    )
    without_styles = replace(generator, input="latent", styles=False, noise=False)
    return Recipe(
        data=DataSection(resolution=16),
        generator={
            "progan": replace(without_styles, mapping_layers=0),
            "traditional": without_styles,
        }.get(kind, generator),
        discriminator=DiscriminatorSection(architecture="progressive"),
    )
