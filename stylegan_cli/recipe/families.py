"""Families of networks as recipes see them: defaults, fixed keys, and keys of their own.

The networks of a family stand in `stylegan_cli.networks`, in a module of its name. Nothing here
imports that module, so that reading a recipe takes no torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from stylegan_cli.recipe.architecture import BandsSection
from stylegan_cli.recipe.sections import Settled
from stylegan_cli.sizes import Size


@dataclass(frozen=True, kw_only=True)
class StyleLayers:
    """Layers of a generator that take a code or noise, as its recipe tells them.

    Attributes:
        levels: Level at which each code acts.
        noise_sizes: Size of each noise input of the network at its full size.
        can_move: The input can be shifted and turned.
    """

    levels: tuple[int, ...]
    noise_sizes: tuple[Size, ...] = ()
    can_move: bool = False


@dataclass(frozen=True, kw_only=True)
class FamilyKeys:
    """The part of a family that recipes need.

    Attributes:
        defaults: Values by dotted key where a recipe gives none; all others are the sections'
            own, which are those of stylegan2. Never a key that may be unset: TOML cannot write
            that, so a saved recipe would read back with the family's default.
        fixed: Keys that have one value only.
        own: Keys that do nothing except in the families that list them.
        meaning: Those of them that change the images made from the same weights.
        needs_classes: Labels must be classes; vectors of attributes cannot be learned.
        squares_only: Images of another shape cannot be made.
        layers: Returns the layers of the generator of a recipe; where it is missing, the network
            is built to know them.
        gamma_at_256: Value of `loss.r1_gamma` "auto" at 256 px, from where it grows with the
            number of pixels; None follows [ADA].
    """

    defaults: Mapping[str, object] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    meaning: tuple[str, ...] = ()
    needs_classes: bool = False
    squares_only: bool = False
    layers: Callable[[Settled], StyleLayers] | None = None
    gamma_at_256: float | None = None


def _two_per_level(recipe: Settled) -> StyleLayers:
    """Return the layers of [SG1]: two for each level, all with noise."""
    if not recipe.generator.styles:
        return StyleLayers(levels=(4,))
    size = recipe.data.size
    levels = tuple(level for level in size.levels for _ in range(2))
    noisy = levels if recipe.generator.noise else ()
    return StyleLayers(levels=levels, noise_sizes=tuple(map(size.at, noisy)))


def _without_first_noise(recipe: Settled) -> StyleLayers:
    """Return the layers of [SG2]: the first code is that of the first toRGB."""
    found = _two_per_level(recipe)
    return replace(found, noise_sizes=found.noise_sizes[1:])


def _bands(recipe: Settled) -> StyleLayers:
    """Return the layers of [SG3], whose levels are nominal: input, layers and toRGB."""
    count = recipe.bands.layers + 2
    levels = tuple(8 if i < 5 else 32 if i < 10 else 64 for i in range(count))
    return StyleLayers(levels=levels, can_move=True)


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
"""Defaults that [PG] and [SG1] share, with the batches of eight GPUs."""

_BANDS = tuple(f"bands.{field.name}" for field in fields(BandsSection))

_FAMILIES: dict[str, FamilyKeys] = {
    "progan": FamilyKeys(
        defaults={
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
        fixed={
            "generator.architecture": "progressive",
            "generator.input": "latent",
            "generator.styles": False,
            "generator.noise": False,
        },
        own=("discriminator.fused_scale",),
        meaning=("discriminator.fused_scale",),
        needs_classes=True,
        layers=_two_per_level,
    ),
    "stylegan1": FamilyKeys(
        defaults=_GROWING,
        fixed={"generator.architecture": "progressive"},
        own=("generator.variant",),
        meaning=("generator.variant",),
        layers=_two_per_level,
    ),
    "stylegan2": FamilyKeys(
        fixed={"generator.input": "const", "generator.styles": True, "generator.noise": True},
        own=(
            "generator.labels",
            "generator.conv_clamp",
            "discriminator.labels",
            "discriminator.conv_clamp",
            "discriminator.mapping_layers",
            "discriminator.mapping_lr_multiplier",
        ),
        layers=_without_first_noise,
    ),
    "stylegan3": FamilyKeys(
        defaults={
            "generator.architecture": "orig",
            "generator.noise": False,
            "generator.mapping_layers": 2,
            "generator.w_avg_beta": 0.998,
            "loss.pl_weight": 0.0,
            "loss.pl_interval": 0,
            "loss.style_mixing_prob": 0.0,
            "train.lr_g": 0.0025,
            "train.ema_rampup": 0.05,
        },
        fixed={
            "generator.architecture": "orig",
            "generator.input": "const",
            "generator.styles": True,
            "generator.noise": False,
        },
        own=(
            "generator.conv_clamp",
            "generator.kernel",
            "generator.radial_filters",
            "discriminator.conv_clamp",
            "discriminator.mapping_layers",
            "discriminator.mapping_lr_multiplier",
            "train.magnitude_kimg",
            *_BANDS,
        ),
        meaning=("generator.radial_filters", *_BANDS),
        squares_only=True,
        layers=_bands,
        gamma_at_256=2.0,
    ),
}


def register(name: str, keys: FamilyKeys) -> None:
    """Make a family known to recipes; `networks.family.register` calls this too."""
    _FAMILIES[name] = keys


def names() -> tuple[str, ...]:
    """Return the names that `generator.family` may have."""
    return tuple(_FAMILIES)


def keys_of(family: object) -> FamilyKeys:
    """Return the keys of a family; a name that is no family has none.

    Args:
        family: The value of `generator.family`, which may be wrong.
    """
    known = _FAMILIES.get(family) if isinstance(family, str) else None
    return known or FamilyKeys()


def own_keys() -> tuple[str, ...]:
    """Return every key that belongs to some families only."""
    return tuple(dict.fromkeys(key for keys in _FAMILIES.values() for key in keys.own))


def meaning_keys() -> tuple[str, ...]:
    """Return every key of a family that changes the images made from the same weights."""
    return tuple(dict.fromkeys(key for keys in _FAMILIES.values() for key in keys.meaning))
