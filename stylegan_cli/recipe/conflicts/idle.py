"""Keys that do nothing where they are: better refused than quietly ignored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from stylegan_cli.recipe.conflicts.conflict import Conflict
from stylegan_cli.recipe.sections import (
    GrowingSection,
    InitSection,
    MetricsSection,
    Recipe,
)
from stylegan_cli.recipe.toml import inline


@dataclass(frozen=True, kw_only=True)
class _Idle:
    """Keys that must keep their defaults unless a condition holds.

    Attributes:
        keys: Dotted keys of which each does nothing without the condition.
        used: The condition.
        why: What is missing, in words.
        because: The keys that the condition looks at.
    """

    keys: tuple[str, ...]
    used: Callable[[Recipe], bool]
    why: str
    because: tuple[str, ...]


_IDLE = (
    _Idle(
        keys=("data.balance",),
        used=lambda recipe: recipe.data.labels,
        why="without data.labels",
        because=("data.labels",),
    ),
    _Idle(
        keys=tuple(f"growing.{field.name}" for field in fields(GrowingSection)),
        used=lambda recipe: recipe.generator.architecture == "progressive",
        why='without generator.architecture "progressive"',
        because=("generator.architecture", "generator.family"),
    ),
    _Idle(
        keys=(
            "generator.conv_clamp",
            "discriminator.conv_clamp",
            "discriminator.mapping_layers",
            "discriminator.mapping_lr_multiplier",
        ),
        used=lambda recipe: recipe.generator.family == "stylegan2",
        why="outside the family stylegan2",
        because=("generator.family",),
    ),
    _Idle(
        keys=("generator.variant",),
        used=lambda recipe: recipe.generator.family == "stylegan1" and recipe.generator.styles,
        why="outside the family stylegan1, or without styles",
        because=("generator.family", "generator.styles"),
    ),
    _Idle(
        keys=("discriminator.fused_scale",),
        used=lambda recipe: recipe.generator.family == "progan",
        why="outside the family progan",
        because=("generator.family",),
    ),
    _Idle(
        keys=("generator.mapping_lr_multiplier",),
        used=lambda recipe: recipe.generator.mapping_layers > 0,
        why="without mapping layers",
        because=("generator.mapping_layers", "generator.family"),
    ),
    _Idle(
        keys=tuple(
            f"init.{field.name}" for field in fields(InitSection) if field.name != "network"
        ),
        used=lambda recipe: recipe.init.network is not None,
        why="without init.network",
        because=("init.network",),
    ),
    _Idle(
        keys=("init.freeze_mapping",),
        used=lambda recipe: recipe.init.network is None or recipe.generator.mapping_layers > 0,
        why="without mapping layers",
        because=("generator.mapping_layers", "generator.family"),
    ),
    _Idle(
        keys=("loss.wgan_drift",),
        used=lambda recipe: recipe.loss.adversarial == "wgan",
        why='without loss.adversarial "wgan"',
        because=("loss.adversarial",),
    ),
    _Idle(
        keys=("augment.pipe",),
        used=lambda recipe: recipe.augment.mode != "none",
        why='with augment.mode "none"',
        because=("augment.mode",),
    ),
    _Idle(
        keys=("augment.p",),
        used=lambda recipe: recipe.augment.mode == "fixed",
        why='without augment.mode "fixed"',
        because=("augment.mode",),
    ),
    _Idle(
        keys=("augment.target", "augment.interval", "augment.ada_kimg", "augment.p_max"),
        used=lambda recipe: recipe.augment.mode == "ada",
        why='without augment.mode "ada"',
        because=("augment.mode",),
    ),
    _Idle(
        keys=tuple(f"metrics.{f.name}" for f in fields(MetricsSection) if f.name != "every_ticks"),
        used=lambda recipe: recipe.metrics.every_ticks > 0,
        why="without metrics.every_ticks",
        because=("metrics.every_ticks",),
    ),
)


def idle_keys(recipe: Recipe) -> Iterator[Conflict]:
    """Keys that are set, and nothing looks at them."""
    for idle in _IDLE:
        if idle.used(recipe):
            continue
        for key in idle.keys:
            found, default = _value(recipe, key), _value(Recipe(), key)
            if found != default:
                remedy = "leave it out" if default is None else f"write {inline(default)}"
                yield Conflict(
                    keys=(key, *idle.because),
                    words=f"{inline(found)} does nothing {idle.why}; {remedy}",
                )


def _value(recipe: Recipe, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(recipe, section), name)
