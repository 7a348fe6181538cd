"""Recipes of networks to build: small ones that grow, and those of the papers."""

from stylegan_cli.recipe import DataSection, DiscriminatorSection, GeneratorSection, Settled, loads

ARCHITECTURES = ("orig", "skip", "resnet")
"""Those of StyleGAN2 that do not grow."""

GROWING = ("progan", "traditional", "stylegan1", "stylegan2")
"""Every kind of growing network; "traditional" is StyleGAN's without styles, but with a mapping."""
SMALL = (
    "data.resolution=16",
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.channel_base=256",
    "generator.channel_max=16",
)
OWN = {
    "progan": ("generator.family=progan",),
    "traditional": (
        "generator.family=stylegan1",
        "generator.input=latent",
        "generator.styles=false",
        "generator.noise=false",
        "generator.mapping_layers=2",
        "loss.style_mixing_prob=0",
    ),
    "stylegan1": ("generator.family=stylegan1", "generator.mapping_layers=2"),
    "stylegan2": (
        "generator.architecture=progressive",
        "discriminator.architecture=progressive",
        "generator.mapping_layers=2",
    ),
}


def small(kind: str) -> Settled:
    """Recipe of 16 px networks of a kind."""
    return loads("", overrides=[*SMALL, *OWN[kind]])


def paper(
    resolution=32, *, seed=0, g="skip", d="resnet", channel_base=32_768, mapping_layers=8
) -> Settled:
    """Recipe of StyleGAN2 networks as large as the paper's."""
    return Settled(
        seed=seed,
        data=DataSection(resolution=resolution),
        generator=GeneratorSection(
            architecture=g, channel_base=channel_base, mapping_layers=mapping_layers
        ),
        discriminator=DiscriminatorSection(architecture=d, channel_base=channel_base),
    )
