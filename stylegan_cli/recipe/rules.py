"""Rules that join the values of a recipe, beyond the valid values of each key."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from stylegan_cli.errors import meant_or_all
from stylegan_cli.recipe import families
from stylegan_cli.recipe.sections import (
    GrowingSection,
    InitSection,
    MetricsSection,
    Settled,
    inline,
)
from stylegan_cli.sizes import LEVELS, PICTURE_CHANNELS, parse_size, problem_of


class Conflict(NamedTuple):
    """Rule that a recipe breaks.

    Attributes:
        keys: Dotted keys that the rule reads; the first one gets the blame.
        words: Value found, what is wrong with it, and what to do.
    """

    keys: tuple[str, ...]
    words: str


def conflicts(recipe: Settled) -> Iterator[Conflict]:
    """Find every rule that the recipe breaks, after the rules that it relies on."""
    yield from _of_the_family(recipe)
    yield from _without_styles(recipe)
    yield from _of_numbers(recipe)
    yield from _idle_keys(recipe)
    yield from _of_tables(recipe)
    if not recipe.data.size.is_possible:
        yield _impossible_size(recipe)
        return
    yield from _of_the_size(recipe)
    yield from _frozen_layers(recipe)
    if recipe.generator.architecture == "progressive":
        yield from _start_of_growing(recipe)
    for level in _visited(recipe):
        yield from _uneven_batches(recipe, level)


def _of_the_family(recipe: Settled) -> Iterator[Conflict]:
    """Find values that the family does not have, and G and D of which only one grows."""
    family = recipe.generator.family
    if family not in families.names():
        hint = meant_or_all(family, families.names(), offer="there are")
        yield Conflict(("generator.family",), f"{inline(family)} is no family of networks{hint}")
    for key, only in families.keys_of(family).fixed.items():
        found = _value(recipe, key)
        if found != only:
            yield Conflict(
                (key, "generator.family"),
                f"{inline(found)} is not possible in {family}; write {inline(only)} "
                "or choose another generator.family",
            )
    G, D = recipe.generator.architecture, recipe.discriminator.architecture
    if (G == "progressive") != (D == "progressive"):
        remedy = "progressive" if G == "progressive" else "resnet"
        yield Conflict(
            ("discriminator.architecture", "generator.architecture", "generator.family"),
            f"{inline(D)} does not go with {inline(G)} of the generator, both grow or neither; "
            f"write for example {inline(remedy)}",
        )


def _without_styles(recipe: Settled) -> Iterator[Conflict]:
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
            words = f"a generator without styles {fact}; write {remedy}"
            yield Conflict((key, "generator.styles", "generator.family"), words)


def _of_numbers(recipe: Settled) -> Iterator[Conflict]:
    """Find numbers that do not fit together, whatever the size of the images."""
    loss, G, D, data = recipe.loss, recipe.generator, recipe.discriminator, recipe.data
    if loss.pl_weight > 0 and loss.lazy and not loss.pl_interval:
        words = f"0, but loss.pl_weight is {inline(loss.pl_weight)}; write for example 4"
        yield Conflict(("loss.pl_interval", "loss.pl_weight"), words)
    if data.preview is not None and not set(data.preview) <= set(range(data.channels)):
        last = data.channels - 1
        words = f"{inline(data.preview)}, but the channels are 0 to {last}; write three of them"
        yield Conflict(("data.preview", "data.channels"), words)
    features = min(D.channel_base // 4, D.channel_max)
    if D.mbstd_channels and features % D.mbstd_channels:
        yield Conflict(
            ("discriminator.mbstd_channels", "discriminator.channel_max"),
            f"{D.mbstd_channels} does not divide D's {features} channels at 4 px; "
            "write a divisor of them, or 0 for none",
        )
    if G.mapping_layers == 0 and G.w_dim != G.z_dim:
        words = f"{G.w_dim}, but without mapping layers w is z; write generator.z_dim, {G.z_dim}"
        yield Conflict(("generator.w_dim", "generator.z_dim", "generator.mapping_layers"), words)
    layers, critical = recipe.bands.layers, recipe.bands.critical
    if critical >= layers:
        yield Conflict(
            ("bands.critical", "bands.layers"),
            f"{critical} of {layers} layers leave none whose cutoff can rise; "
            f"write at most {layers - 1}",
        )


def _impossible_size(recipe: Settled) -> Conflict:
    found, size = recipe.data.resolution, parse_size(recipe.data.resolution)
    words = 'no size; write a side such as 256, or "WIDTHxHEIGHT"'
    if size is not None:
        words = problem_of(size)
    return Conflict(("data.resolution",), f"{inline(found)} is {words}")


def _of_the_size(recipe: Settled) -> Iterator[Conflict]:
    """Find networks that cannot have images of this size."""
    family, size = recipe.generator.family, recipe.data.size
    if families.keys_of(family).squares_only and not size.is_square:
        yield Conflict(
            ("data.resolution", "generator.family"),
            f'"{size.value}" is not possible in {family}, whose layers are planned for one '
            f"side; write {size.level} or choose another generator.family",
        )
    architecture = recipe.discriminator.architecture
    if size.level == 4 and architecture in ("orig", "resnet"):
        words = f'"{architecture}" has no layer that reads images of {size.value} px; write "skip"'
        yield Conflict(("discriminator.architecture", "data.resolution"), words)
    for section in ("generator", "discriminator"):
        base = getattr(recipe, section).channel_base
        if base < size.level:
            words = f"{base} leaves no channels at {size.value} px; write at least {size.level}"
            yield Conflict((f"{section}.channel_base", "data.resolution"), words)


def _frozen_layers(recipe: Settled) -> Iterator[Conflict]:
    """Find frozen layers of D beyond those it has before its last block, which always learns."""
    blocks = len(recipe.data.size.levels) - 1
    architecture = recipe.discriminator.architecture
    reading = blocks if architecture in ("skip", "progressive") else 1
    layers = blocks * (3 if architecture == "resnet" else 2) + reading
    if recipe.init.freeze_d > layers:
        yield Conflict(
            ("init.freeze_d", "data.resolution", "discriminator.architecture"),
            f"{recipe.init.freeze_d}, but D has {layers} layers before its last block; "
            "write at most those",
        )


def _of_tables(recipe: Settled) -> Iterator[Conflict]:
    for name in ("batch_size", "lr"):
        wrong = [key for key in getattr(recipe.growing, name) if key not in map(str, LEVELS)]
        if wrong:
            words = f"{inline(wrong[0])} is not a resolution; write powers of two from 4 to 1024"
            yield Conflict((f"growing.{name}",), words)


def _start_of_growing(recipe: Settled) -> Iterator[Conflict]:
    first, levels = recipe.growing.initial_resolution, recipe.data.size.levels
    if first not in levels:
        nearest = min(levels, key=lambda known: abs(known - first))
        yield Conflict(
            ("growing.initial_resolution", "data.resolution", "generator.architecture"),
            f"{first} is not a power of two from 4 to data.resolution, {levels[-1]}; "
            f"write for example {nearest}",
        )


def _visited(recipe: Settled) -> tuple[int, ...]:
    """Return the resolutions that a run trains at, in order."""
    levels = recipe.data.size.levels
    if recipe.generator.architecture != "progressive":
        return levels[-1:]
    return tuple(level for level in levels if level >= recipe.growing.initial_resolution)


_SIZES = ("train.batch_size", "growing.batch_size", "growing.initial_resolution")


def idle_batch_size(recipe: Settled) -> str | None:
    """Describe a `train.batch_size` that no resolution of the run takes; None if one does."""
    own, sides = recipe.growing.batch_size, _visited(recipe)
    if recipe.generator.architecture != "progressive" or not {*map(str, sides)} <= own.keys():
        return None
    return (
        f"`train.batch_size={recipe.train.batch_size}` has no effect, as growing.batch_size holds "
        "every resolution of this run; add `growing.batch_size={}`"
    )


def _uneven_batches(recipe: Settled, side: int) -> Iterator[Conflict]:
    """Find batches that do not divide evenly, at a resolution of the run."""
    size, size_words = recipe.train.batch_size, f"train.batch_size {recipe.train.batch_size}"
    if str(side) in recipe.growing.batch_size:
        size = recipe.growing.batch_size[str(side)]
        size_words = f"growing.batch_size {{{side} = {size}}}"
    held, held_words = size, size_words
    if recipe.train.batch_per_device is not None:
        part = recipe.train.batch_per_device
        room = part * (recipe.data.size.level // side) ** 2
        room_words = str(part) if room == part else f"{part} ({room} at {side} px)"
        if room < size:
            held, held_words = room, f"train.batch_per_device {room_words}"
        if size % held:
            yield Conflict(
                ("train.batch_per_device", *_SIZES),
                f"{room_words} does not divide {size_words}; write one that does",
            )
    group = min(recipe.discriminator.mbstd_group_size, held)
    if held % group:
        yield Conflict(
            ("discriminator.mbstd_group_size", "train.batch_per_device", *_SIZES),
            f"{group} does not divide {held_words}; write one that does",
        )


def unread_keys(recipe: Settled) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each key that nothing reads, why not, and the keys that decide that."""
    family = recipe.generator.family
    for key in families.own_keys():
        if key not in families.keys_of(family).own:
            yield key, f"in the family {family}", ("generator.family",)
    for read, why, because, keys in _conditions(recipe):
        for key in () if read else keys:
            yield key, why, because


def _idle_keys(recipe: Settled) -> Iterator[Conflict]:
    """Find keys that are set although nothing reads them."""
    for key, why, because in unread_keys(recipe):
        found, default = _value(recipe, key), _value(Settled(), key)
        if found != default:
            remedy = "leave it out" if default is None else f"write {inline(default)}"
            yield Conflict((key, *because), f"{inline(found)} does nothing {why}; {remedy}")


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


def _value(recipe: Settled, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(recipe, section), name)
