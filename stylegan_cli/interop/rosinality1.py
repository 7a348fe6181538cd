"""Checkpoints of rosinality's StyleGAN(1) in PyTorch: their generators.

Its discriminator is built differently from StyleGAN's, so ours cannot hold it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from stylegan_cli.interop.foreign import Foreign, Taken, assemble, foreign_recipe, shapes_of
from stylegan_cli.interop.pickles import UnsupportedError, shown
from stylegan_cli.interop.shapes_of_networks import count_of, generator_values
from stylegan_cli.interop.tensor_maps import (
    NO_AVERAGE,
    NO_W_AVG,
    SAME,
    W_AVG,
    Form,
    Pair,
    StateDict,
    drawn_noise,
    estimated_w_avg,
    filter_kernel,
    first_state,
    origin,
    taken,
)
from stylegan_cli.ops.reference import BLUR

_MAPPING_MULTIPLIER = 0.01


def generator_pairs(layers: int, sides: tuple[int, ...], fused: frozenset[int]) -> Iterator[Pair]:
    """Yield all tensors of a generator except the mean of W and fixed noise, which it lacks.

    Args:
        fused: Those that upsample and convolve in one operation.
    """
    for i in range(layers):
        for ours, theirs in (("weight", "weight_orig"), ("bias", "bias")):
            yield Pair(
                f"mapping.fc{i}.{ours}",
                f"style.{2 * i + 1}.linear.{theirs}",
                _times(1 / _MAPPING_MULTIPLIER),
            )
    for level, side in enumerate(sides):
        block, theirs = f"synthesis.b{side}", f"generator.progression.{level}"
        yield from _first(block, theirs, side, is_fused=side in fused)
        yield Pair(f"{block}.conv1.weight", f"{theirs}.conv2.conv.weight_orig", SAME)
        yield Pair(f"{block}.tail1.bias", f"{theirs}.conv2.conv.bias", SAME)
        for number in (0, 1):
            yield from _tail(f"{block}.tail{number}", theirs, number + 1)
        rgb = f"generator.to_rgb.{level}.conv"
        yield Pair(f"{block}.torgb.weight", f"{rgb}.weight_orig", _times(math.sqrt(2)))
        yield Pair(f"{block}.torgb.bias", f"{rgb}.bias", SAME)


def filters(sides: tuple[int, ...], fused: frozenset[int]) -> dict[str, Tensor]:
    """Return the `[1, 2, 1]` filters of a generator by name."""
    places = [(level, 1 if side in fused else 2) for level, side in enumerate(sides) if level]
    names = [
        f"generator.progression.{level}.conv1.{place}.{name}"
        for level, place in places
        for name in ("weight", "weight_flip")
    ]
    return dict.fromkeys(names, filter_kernel(BLUR))


def _first(ours: str, theirs: str, side: int, *, is_fused: bool) -> Iterator[Pair]:
    if side == 4:
        yield Pair(f"{ours}.input.const", f"{theirs}.conv1.input", Form(lambda tensor: tensor[0]))
    elif is_fused:
        unfused = Form(lambda weight: (weight.transpose(0, 1) / 4).flip((2, 3)))
        yield Pair(f"{ours}.conv0.weight", f"{theirs}.conv1.0.weight", unfused)
        yield Pair(f"{ours}.conv0.bias", f"{theirs}.conv1.0.bias", SAME)
    else:
        yield Pair(f"{ours}.conv0.weight", f"{theirs}.conv1.1.conv.weight_orig", SAME)
        yield Pair(f"{ours}.conv0.bias", f"{theirs}.conv1.1.conv.bias", SAME)


def _tail(ours: str, theirs: str, number: int) -> Iterator[Pair]:
    strength = Form(lambda weight: weight[0, :, 0, 0] * math.sqrt(2 / weight.shape[1]))
    yield Pair(f"{ours}.noise_strength", f"{theirs}.noise{number}.weight_orig", strength)
    style = f"{theirs}.adain{number}.style.linear"
    yield Pair(f"{ours}.affine.weight", f"{style}.weight_orig", _times(math.sqrt(2)))
    yield Pair(f"{ours}.affine.bias", f"{style}.bias", Form(_less_one))


def _times(factor: float) -> Form:
    return Form(lambda tensor: tensor * factor)


def _less_one(bias: Tensor) -> Tensor:
    # ours adds the 1 of the scales, the first half, at run time
    scales, shifts = bias.chunk(2)
    return torch.cat([scales - 1, shifts])


_MARK = "generator.progression.0.conv1.input"
_MOST_BLOCKS = 9
_PARTS = ("g_running", "generator")
_NOTES = (
    NO_W_AVG,
    "has no fixed noise; it is drawn from seed 0, one map for both layers of a resolution",
)


def is_rosinality1(root: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a file holds a checkpoint of this program, or only a generator's tensors."""
    if not isinstance(root, dict):
        return False
    states = (root, *(root.get(part) for part in _PARTS))
    return any(isinstance(state, dict) and _MARK in state for state in states)


def read_rosinality1(root: Mapping[str, object], source: str) -> Foreign:
    """Read the averaged generator of a checkpoint, up to the resolution it was trained to."""
    state, part = first_state(root, _PARTS)
    prefix = f"{part}." if part else ""
    blocks = count_of(r"generator\.to_rgb\.\d+\.conv\.bias", state)
    if blocks > _MOST_BLOCKS:
        raise UnsupportedError(f"{blocks} levels, more than sgtool's {_MOST_BLOCKS}")
    trained = _trained_blocks(state, blocks)
    sides = tuple(4 << level for level in range(trained))
    generator = _generator(state, prefix, sides)
    recipe = foreign_recipe(_values(generator, sides), source)
    generator[W_AVG] = estimated_w_avg(recipe, generator)
    others = [shown(str(key)) for key in root if part and key != part]
    untrained = [f"{prefix}generator.progression.{level}" for level in range(trained, blocks)]
    return assemble(
        source,
        recipe,
        0,
        generator=generator,
        kind="rosinality-stylegan",
        unused=(*others, *untrained),
        notes=(*_NOTES, *_more_notes(root, part, sides, grown=trained == blocks)),
        **origin(root),
    )


def _trained_blocks(state: StateDict, blocks: int) -> int:
    # files always hold the layers up to 1024 px; those never trained have biases of exactly 0
    biases = {level: state.get(f"generator.to_rgb.{level}.conv.bias") for level in range(blocks)}
    moved = [level for level, bias in biases.items() if bias and bias.tensor().any()]
    return max(moved, default=blocks - 1) + 1


def _generator(state: StateDict, prefix: str, sides: tuple[int, ...]) -> dict[str, Taken]:
    layers = count_of(r"style\.\d+\.linear\.weight_orig", state)
    fused = frozenset(
        side
        for level, side in enumerate(sides)
        if f"generator.progression.{level}.conv1.0.weight" in state
    )
    pairs = list(generator_pairs(layers, sides, fused))
    used = {name: each for name, each in state.items() if _level(name) < len(sides)}
    noise = {
        f"synthesis.b{side}.tail{number}.noise_const": drawn_noise(f"b{side}", side)
        for side in sides
        for number in (0, 1)
    }
    return {**noise, **taken(used, (pairs, filters(sides, fused)), prefix)}


def _level(name: str) -> int:
    """Return the level of a tensor, counted from 4 px; 0 for the mapping network."""
    match = re.match(r"generator\.(?:progression|to_rgb)\.(\d+)\.", name)
    return int(match[1]) if match else 0


def _values(generator: Mapping[str, Taken], sides: tuple[int, ...]) -> dict[str, object]:
    shapes = shapes_of(generator)
    shapes[W_AVG] = shapes.get("synthesis.b4.tail0.affine.weight", (0, 0))[1:]
    return {
        **generator_values(shapes),
        "generator.family": "stylegan1",
        "generator.architecture": "progressive",
        "generator.variant": "rosinality",
        "discriminator.architecture": "progressive",
        "growing.initial_resolution": min(8, sides[-1]),
    }


def _more_notes(
    root: Mapping[str, object], part: str, sides: tuple[int, ...], *, grown: bool
) -> Iterator[str]:
    if part == "generator":
        yield NO_AVERAGE
    if not grown:
        yield f"was trained up to {sides[-1]} px; the layers above are left out"
    if "discriminator" in root:
        yield "its discriminator is built differently from StyleGAN's and is left out"
