"""What a family of networks changes in the defaults of the sections.

The sections' own defaults are those of stylegan2. A key that None means something for never
stands here: a written recipe can only leave it out.
"""

from collections.abc import Mapping

_GROWING: Mapping[str, object] = {
    "generator.architecture": "progressive",
    "generator.channel_base": 16_384,
    "discriminator.architecture": "progressive",
    "loss.lazy": False,
    "loss.pl_weight": 0.0,
    "train.order": "d-first",
    "train.lr_g": 0.001,
    "train.lr_d": 0.001,
    "growing.batch_size": {"4": 512, "8": 256, "16": 128, "32": 64},
    "growing.lr": {"128": 0.0015, "256": 0.002, "512": 0.003, "1024": 0.003},
}
"""What [PG] and [SG1] share, with the batches of eight GPUs."""

_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "progan": {
        **_GROWING,
        "generator.input": "latent",
        "generator.styles": False,
        "generator.noise": False,
        "generator.mapping_layers": 0,
        "loss.adversarial": "wgan",
        "loss.gp_weight": 10.0,
        "loss.r1_gamma": 0.0,
        "loss.style_mixing_prob": 0.0,
        "train.total_kimg": 12_000.0,
        "growing.initial_resolution": 4,
    },
    "stylegan1": _GROWING,
}


def defaults(family: object) -> Mapping[str, object]:
    """Values by dotted key that hold in the family where a recipe says nothing else.

    Args:
        family: What the recipe says; where that is no family, nothing changes.
    """
    return _DEFAULTS.get(family, {}) if isinstance(family, str) else {}
