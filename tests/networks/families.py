"""Small recipes of the networks that grow."""

from stylegan_cli.recipe import Recipe, loads

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


def small(kind: str) -> Recipe:
    """Recipe of 16 px networks of a kind."""
    return loads("", overrides=[*SMALL, *OWN[kind]])
