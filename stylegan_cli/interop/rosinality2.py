"""Checkpoints of rosinality's StyleGAN2 in PyTorch, trained with it or converted for it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Foreign, Stored, Taken, assemble, foreign_recipe
from stylegan_cli.interop.limits import shown
from stylegan_cli.interop.made_tensors import SAMPLES, W_AVG, drawn_noise, estimated_w_avg
from stylegan_cli.interop.pairs import SAME, Pair, check_known, taken
from stylegan_cli.interop.rosinality2_names import (
    discriminator_filters,
    discriminator_pairs,
    filter_kernel,
    generator_filters,
    generator_pairs,
)
from stylegan_cli.interop.shapes_of_networks import (
    discriminator_values,
    generator_values,
)
from stylegan_cli.interop.state_dicts import SGTOOL, StateDict, origin, state_dict

KIND = "rosinality-stylegan2"
_MARK = "conv1.conv.modulation.weight"
_UP_GAIN = 4.0
_MOST_LEVELS = 8
_TOP = {"g_ema", "d", "latent_avg", "args", SGTOOL}


def is_rosinality2(root: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a file holds a checkpoint of this program, or the bare state dict of a generator."""
    return isinstance(root, dict) and any(
        isinstance(state, dict) and _MARK in state for state in (root, *_generators(root))
    )


def read_rosinality2(root: Mapping[str, object], source: str) -> Foreign:
    """The networks of a checkpoint; of several generators the average.

    Raises:
        ForeignFileError: Tensors are missing, are of another network, or have filters that
            sgtool lacks.
    """
    part = next((name for name in ("g_ema", "g") if isinstance(root.get(name), dict)), "")
    state = state_dict(root[part] if part else root, part, source)
    prefix = f"{part}." if part else ""
    sides = _sides(state, source)
    generator, notes = _generator(state, prefix, sides, source)
    if "latent_avg" in root:
        generator[W_AVG] = _given_w_avg(root["latent_avg"], source)
    discriminator = _discriminator(root["d"], sides, source) if root.get("d") else None
    recipe = foreign_recipe(_values(generator, discriminator, sides, source), source)
    if W_AVG not in generator:
        generator[W_AVG] = estimated_w_avg(recipe, generator)
        notes += (f"holds no mean of W; it is estimated from {SAMPLES:,} latents of seed 0",)
    if part == "g":
        notes += ("holds no averaged generator; the one in training is taken",)
    return assemble(
        source,
        recipe,
        0,
        generator=generator,
        discriminator=discriminator,
        kind=KIND,
        unused=tuple(shown(str(key)) for key in root if part and key not in {*_TOP, part}),
        **origin(root),
        notes=notes,
    )


def _generators(root: Mapping[str, object]) -> tuple[object, ...]:
    return root.get("g_ema"), root.get("g")


def _sides(state: StateDict, source: str) -> tuple[int, ...]:
    levels = sum(re.fullmatch(r"to_rgbs\.\d+\.bias", name) is not None for name in state)
    if levels > _MOST_LEVELS:
        raise ForeignFileError(f"{source}: {levels} levels, more than sgtool's {_MOST_LEVELS}")
    return tuple(4 << level for level in range(levels + 1))


def _generator(
    state: StateDict, prefix: str, sides: tuple[int, ...], source: str
) -> tuple[dict[str, Taken], tuple[str, ...]]:
    layers = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in state)
    pairs, filters = list(generator_pairs(layers, sides)), generator_filters(sides)
    check_known(state, (*(pair.theirs for pair in pairs), *filters), prefix, source)
    _check_filters(state, filters, _UP_GAIN, prefix, source)
    found = taken(pairs, state, prefix)
    drawn = {pair.ours: _noise_of(pair) for pair in pairs if _is_noise(pair)}
    lacking = drawn.keys() - found.keys()
    words = ("holds no fixed noise; it is drawn from seed 0",) if lacking else ()
    return {**drawn, **found}, words


def _is_noise(pair: Pair) -> bool:
    return pair.theirs.startswith("noises.")


def _noise_of(pair: Pair) -> Taken:
    side = int(pair.ours.split(".")[1].removeprefix("b"))
    return drawn_noise(pair.ours, side)


def _given_w_avg(value: object, source: str) -> Taken:
    if not isinstance(value, Stored) or len(value.shape) != 1:
        raise ForeignFileError(f"{source}: latent_avg is no mean of W, a row of numbers")
    return Taken("latent_avg", value, SAME.to_ours)


def _discriminator(value: object, sides: tuple[int, ...], source: str) -> dict[str, Taken]:
    state, filters = state_dict(value, "d", source), discriminator_filters(sides)
    pairs = list(discriminator_pairs(sides))
    check_known(state, (*(pair.theirs for pair in pairs), *filters), "d.", source)
    _check_filters(state, filters, 1.0, "d.", source)
    return taken(pairs, state, "d.")


def _check_filters(
    state: StateDict, names: tuple[str, ...], gain: float, prefix: str, source: str
) -> None:
    for name in names:
        if name not in state:
            continue
        kernel = state[name].tensor()
        if kernel.shape != (4, 4) or not torch.allclose(kernel.float(), filter_kernel(gain)):
            raise ForeignFileError(
                f"{source}: {prefix}{name} is not the filter 1, 3, 3, 1, the only one sgtool has"
            )


def _values(
    generator: Mapping[str, Taken],
    discriminator: Mapping[str, Taken] | None,
    sides: tuple[int, ...],
    source: str,
) -> dict[str, object]:
    """Values of a recipe by dotted key."""
    shapes = {name: each.shape for name, each in generator.items()}
    # a file may lack the mean of W, which is as long as what styles are made of
    shapes.setdefault(W_AVG, shapes.get("synthesis.b4.conv1.affine.weight", (0, 0))[1:])
    values = {"title": Path(source).stem, **generator_values(shapes, source)}
    if sides == (4,):
        # the only D of ours that can read images this small
        values["discriminator.architecture"] = "skip"
    elif discriminator is not None:
        found = {name: each.shape for name, each in discriminator.items()}
        values |= discriminator_values(found, source)
    return values
