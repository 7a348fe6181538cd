"""Rules that join the values of a recipe, beyond the valid values of each key."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from stylegan_cli.errors import meant_or_all
from stylegan_cli.recipe import families
from stylegan_cli.recipe.sections import GrowingSection, InitSection, MetricsSection, Settled
from stylegan_cli.recipe.toml import inline
from stylegan_cli.sizes import LEVELS, PICTURE_CHANNELS, parse_size, problem_of


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Rule that a recipe breaks.

    Attributes:
        keys: Dotted keys that the rule reads; the first one gets the blame.
        words: Value found, what is wrong with it, and what to do.
    """

    keys: tuple[str, ...]
    words: str


def size_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find sizes that no network can have."""
    if not recipe.data.size.is_possible:
        yield _impossible(recipe)
        return
    yield from _family_sizes(recipe)
    yield from _smallest(recipe)
    yield from _preview(recipe)
    yield from _channels(recipe)
    yield from _deviation(recipe)
    yield from _latents(recipe)
    yield from _layers(recipe)


def _impossible(recipe: Settled) -> Conflict:
    found, size = recipe.data.resolution, parse_size(recipe.data.resolution)
    words = 'no size; write a side such as 256, or "WIDTHxHEIGHT"'
    if size is not None:
        words = problem_of(size)
    return Conflict(keys=("data.resolution",), words=f"{inline(found)} is {words}")


def _family_sizes(recipe: Settled) -> Iterator[Conflict]:
    family, size = recipe.generator.family, recipe.data.size
    if families.keys_of(family).squares_only and not size.is_square:
        yield Conflict(
            keys=("data.resolution", "generator.family"),
            words=f'"{size.value}" is not possible in {family}, whose layers are planned for one '
            f"side; write {size.level} or choose another generator.family",
        )


def _smallest(recipe: Settled) -> Iterator[Conflict]:
    architecture = recipe.discriminator.architecture
    size = recipe.data.size
    if size.level == 4 and architecture in ("orig", "resnet"):
        yield Conflict(
            keys=("discriminator.architecture", "data.resolution"),
            words=f'"{architecture}" has no layer that reads images of {size.value} px; '
            'write "skip"',
        )


def _preview(recipe: Settled) -> Iterator[Conflict]:
    count, chosen = recipe.data.channels, recipe.data.preview
    if chosen is not None and not set(chosen) <= set(range(count)):
        yield Conflict(
            keys=("data.preview", "data.channels"),
            words=f"{inline(chosen)}, but the channels are 0 to {count - 1}; write three of them",
        )


def _channels(recipe: Settled) -> Iterator[Conflict]:
    size = recipe.data.size
    for section in ("generator", "discriminator"):
        base = getattr(recipe, section).channel_base
        if base < size.level:
            yield Conflict(
                keys=(f"{section}.channel_base", "data.resolution"),
                words=f"{base} leaves no channels at {size.value} px; write at least {size.level}",
            )


def _deviation(recipe: Settled) -> Iterator[Conflict]:
    section = recipe.discriminator
    features = min(section.channel_base // 4, section.channel_max)
    if section.mbstd_channels and features % section.mbstd_channels:
        yield Conflict(
            keys=("discriminator.mbstd_channels", "discriminator.channel_max"),
            words=f"{section.mbstd_channels} does not divide D's {features} channels at 4 px; "
            "write a divisor of them, or 0 for none",
        )


def _latents(recipe: Settled) -> Iterator[Conflict]:
    z_dim, w_dim = recipe.generator.z_dim, recipe.generator.w_dim
    if recipe.generator.mapping_layers == 0 and w_dim != z_dim:
        yield Conflict(
            keys=("generator.w_dim", "generator.z_dim", "generator.mapping_layers"),
            words=f"{w_dim}, but without mapping layers w is z; write generator.z_dim, {z_dim}",
        )


def _layers(recipe: Settled) -> Iterator[Conflict]:
    layers, critical = recipe.bands.layers, recipe.bands.critical
    if critical >= layers:
        yield Conflict(
            keys=("bands.critical", "bands.layers"),
            words=f"{critical} of {layers} layers leave none whose cutoff can rise; "
            f"write at most {layers - 1}",
        )


def path_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find path-length regularization in separate steps that never come."""
    loss = recipe.loss
    if loss.pl_weight > 0 and loss.lazy and not loss.pl_interval:
        yield Conflict(
            keys=("loss.pl_interval", "loss.pl_weight"),
            words=f"0, but loss.pl_weight is {inline(loss.pl_weight)}; write for example 4",
        )


def growing_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find schedules of growing that are impossible."""
    yield from _tables(recipe)
    if recipe.data.size.is_possible and recipe.generator.architecture == "progressive":
        yield from _start(recipe)


def visited(recipe: Settled) -> tuple[int, ...]:
    """Return the resolutions that a run trains at, in order."""
    final = recipe.data.size.level
    growing = recipe.generator.architecture == "progressive"
    first = recipe.growing.initial_resolution if growing else final
    return tuple(level for level in LEVELS if first <= level <= final)


def _tables(recipe: Settled) -> Iterator[Conflict]:
    for name in ("batch_size", "lr"):
        wrong = [key for key in getattr(recipe.growing, name) if key not in map(str, LEVELS)]
        if wrong:
            yield Conflict(
                keys=(f"growing.{name}",),
                words=f"{inline(wrong[0])} is not a resolution; write powers of two from 4 to 1024",
            )


def _start(recipe: Settled) -> Iterator[Conflict]:
    first, final = recipe.growing.initial_resolution, recipe.data.size.level
    if first in LEVELS and first <= final:
        return
    nearest = min(LEVELS, key=lambda known: abs(known - first))
    yield Conflict(
        keys=("growing.initial_resolution", "data.resolution", "generator.architecture"),
        words=f"{first} is not a power of two from 4 to data.resolution, {final}; "
        f"write for example {min(nearest, final)}",
    )


_SIZES = ("train.batch_size", "growing.batch_size", "growing.initial_resolution")


def batch_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find batches that do not divide evenly, at any resolution of the run."""
    if recipe.data.size.is_possible:
        for level in visited(recipe):
            yield from _batch_conflicts(recipe, level)


def _batch_conflicts(recipe: Settled, side: int) -> Iterator[Conflict]:
    size, size_words = _batch(recipe, side)
    room, room_words = _room(recipe, side)
    held, held_words = size, size_words
    if room is not None and room < size:
        held, held_words = room, f"train.batch_per_device {room_words}"
    if size % held:
        yield Conflict(
            keys=("train.batch_per_device", *_SIZES),
            words=f"{room_words} does not divide {size_words}; write one that does",
        )
    group = min(recipe.discriminator.mbstd_group_size, held)
    if held % group:
        yield Conflict(
            keys=("discriminator.mbstd_group_size", "train.batch_per_device", *_SIZES),
            words=f"{group} does not divide {held_words}; write one that does",
        )


def _batch(recipe: Settled, side: int) -> tuple[int, str]:
    """Return the images a step at a resolution, and words that name the key."""
    size = recipe.growing.batch_size.get(str(side))
    if size is None:
        return recipe.train.batch_size, f"train.batch_size {recipe.train.batch_size}"
    return size, f"growing.batch_size {{{side} = {size}}}"


def _room(recipe: Settled, side: int) -> tuple[int | None, str]:
    """Return the images a device may hold at a resolution, None for any number, and words."""
    part = recipe.train.batch_per_device
    if part is None:
        return None, ""
    room = part * (recipe.data.size.level // side) ** 2
    return room, str(part) if room == part else f"{part} ({room} at {side} px)"


def freezing_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find frozen layers of D beyond those it has before its last block, which always learns."""
    if not recipe.data.size.is_possible:
        return
    blocks = len(recipe.data.size.levels) - 1
    architecture = recipe.discriminator.architecture
    reading = blocks if architecture in ("skip", "progressive") else 1
    layers = blocks * (3 if architecture == "resnet" else 2) + reading
    if recipe.init.freeze_d > layers:
        yield Conflict(
            keys=("init.freeze_d", "data.resolution", "discriminator.architecture"),
            words=f"{recipe.init.freeze_d}, but D has {layers} layers before its last block; "
            "write at most those",
        )


def idle_keys(recipe: Settled) -> Iterator[Conflict]:
    """Find keys that are set although nothing reads them."""
    family = recipe.generator.family
    for key in families.own_keys():
        if key not in families.keys_of(family).own:
            yield from _idle(recipe, key, f"in the family {family}", ("generator.family",))
    for read, why, because, keys in _conditions(recipe):
        if not read:
            for key in keys:
                yield from _idle(recipe, key, why, because)


def _conditions(recipe: Settled) -> Iterator[tuple[bool, str, tuple[str, ...], tuple[str, ...]]]:
    """Yield whether keys are read, why not, the keys that decide, and these keys."""
    G, init, loss, mode = recipe.generator, recipe.init, recipe.loss, recipe.augment.mode
    of_family = ("generator.family",)
    layers = ("generator.mapping_layers", *of_family)
    several = recipe.data.channels not in PICTURE_CHANNELS
    yield several, "with 1, 3 or 4 channels", ("data.channels",), ("data.preview",)
    yield recipe.data.labels, "without data.labels", ("data.labels",), ("data.balance",)
    yield (
        G.architecture == "progressive",
        'without generator.architecture "progressive"',
        ("generator.architecture", *of_family),
        _keys_of("growing", GrowingSection),
    )
    yield G.styles, "without styles", ("generator.styles", *of_family), ("generator.variant",)
    mapped = G.mapping_layers > 0
    yield mapped, "without mapping layers", layers, ("generator.mapping_lr_multiplier",)
    starts = init.network is not None
    own = tuple(key for key in _keys_of("init", InitSection) if key != "init.network")
    yield starts, "without init.network", ("init.network",), own
    yield mapped or not starts, "without mapping layers", layers, ("init.freeze_mapping",)
    halves, why = recipe.train.ema_decay is None, "beside train.ema_decay"
    yield halves, why, ("train.ema_decay",), ("train.ema_kimg", "train.ema_rampup")
    blurs = loss.blur_sigma > 0
    yield blurs, "without loss.blur_sigma", ("loss.blur_sigma",), ("loss.blur_fade_kimg",)
    wgan, why = loss.adversarial == "wgan", 'without loss.adversarial "wgan"'
    yield wgan, why, ("loss.adversarial",), ("loss.wgan_drift",)
    decides = ("augment.mode",)
    yield mode != "none", 'with augment.mode "none"', decides, ("augment.pipe",)
    yield mode == "fixed", 'without augment.mode "fixed"', decides, ("augment.p",)
    of_ada = ("augment.target", "augment.interval", "augment.ada_kimg", "augment.p_max")
    yield mode == "ada", 'without augment.mode "ada"', decides, of_ada
    every = "metrics.every_ticks"
    others = tuple(key for key in _keys_of("metrics", MetricsSection) if key != every)
    yield recipe.metrics.every_ticks > 0, f"without {every}", (every,), others


def _keys_of(name: str, section: type[Any]) -> tuple[str, ...]:
    return tuple(f"{name}.{field.name}" for field in fields(section))


def _idle(recipe: Settled, key: str, why: str, because: tuple[str, ...]) -> Iterator[Conflict]:
    found, default = _value(recipe, key), _value(Settled(), key)
    if found != default:
        remedy = "leave it out" if default is None else f"write {inline(default)}"
        yield Conflict(keys=(key, *because), words=f"{inline(found)} does nothing {why}; {remedy}")


def _value(recipe: Settled, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(recipe, section), name)


def network_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find values that the family does not have, and G and D of which only one grows."""
    family = recipe.generator.family
    if family not in families.names():
        hint = meant_or_all(family, families.names(), offer="there are")
        yield Conflict(
            keys=("generator.family",), words=f"{inline(family)} is no family of networks{hint}"
        )
    for key, only in families.keys_of(family).fixed.items():
        found = _value(recipe, key)
        if found != only:
            yield Conflict(
                keys=(key, "generator.family"),
                words=f"{inline(found)} is not possible in {family}; write {inline(only)} "
                "or choose another generator.family",
            )
    yield from _one_grows(recipe)


def _one_grows(recipe: Settled) -> Iterator[Conflict]:
    G, D = recipe.generator.architecture, recipe.discriminator.architecture
    if (G == "progressive") == (D == "progressive"):
        return
    remedy = "progressive" if G == "progressive" else "resnet"
    yield Conflict(
        keys=("discriminator.architecture", "generator.architecture", "generator.family"),
        words=f"{inline(D)} does not go with {inline(G)} of the generator, both grow or neither; "
        f"write for example {inline(remedy)}",
    )


def style_conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find keys that need styles, in a generator without them."""
    if recipe.generator.styles:
        return
    G, loss, latent = recipe.generator, recipe.loss, inline("latent")
    for key, breaks, fact, remedy in (
        ("generator.input", G.input != "latent", "starts from the latent code", latent),
        ("generator.noise", G.noise, "has no noise inputs in the papers", "false"),
        ("loss.style_mixing_prob", loss.style_mixing_prob > 0, "has nothing to mix", "0"),
        ("loss.pl_weight", loss.pl_weight > 0, "has no paths from styles to images", "0"),
    ):
        if breaks:
            yield Conflict(
                keys=(key, "generator.styles", "generator.family"),
                words=f"a generator without styles {fact}; write {remedy}",
            )


def conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find every rule that the recipe breaks, after the rules that it relies on."""
    yield from network_conflicts(recipe)
    yield from style_conflicts(recipe)
    yield from path_conflicts(recipe)
    yield from size_conflicts(recipe)
    yield from idle_keys(recipe)
    yield from growing_conflicts(recipe)
    yield from batch_conflicts(recipe)
    yield from freezing_conflicts(recipe)
