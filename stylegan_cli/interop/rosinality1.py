"""Checkpoints of rosinality's StyleGAN(1) in PyTorch: their generators.

Its discriminator is built differently from StyleGAN's, so ours cannot hold it.
"""

import math
import re
from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from stylegan_cli.interop.foreign import Foreign, Taken, assemble, foreign_recipe, shapes_of
from stylegan_cli.interop.pickles import UnsupportedError, shown
from stylegan_cli.interop.shapes_of_networks import count_of, generator_values
from stylegan_cli.interop.tensor_maps import (
    NO_AVERAGE,
    NO_W_AVG,
    W_AVG,
    Change,
    Layout,
    Pair,
    StateDict,
    drawn_noise,
    estimated_w_avg,
    filter_kernel,
    first_state,
    origin,
    same,
    taken,
)
from stylegan_cli.ops.reference import BLUR

_MAPPING_MULTIPLIER = 0.01


def _layout(layers: int, sides: tuple[int, ...], fused: frozenset[int]) -> Layout:
    """Return all tensors of a generator except those it lacks, and its filters.

    It lacks the mean of W and fixed noise.

    Args:
        fused: Those that upsample and convolve in one operation.
    """
    slow, root = _times(1 / _MAPPING_MULTIPLIER), _times(math.sqrt(2))
    pairs, filters = [], {}
    for i in range(layers):
        theirs = f"style.{2 * i + 1}.linear"
        pairs.append(Pair(f"mapping.fc{i}.weight", f"{theirs}.weight_orig", slow))
        pairs.append(Pair(f"mapping.fc{i}.bias", f"{theirs}.bias", slow))
    for level, side in enumerate(sides):
        block, theirs = f"synthesis.b{side}", f"generator.progression.{level}"
        if side == 4:
            pairs.append(Pair(f"{block}.input.const", f"{theirs}.conv1.input", lambda x: x[0]))
        else:
            place = f"{theirs}.conv1.0" if side in fused else f"{theirs}.conv1.1.conv"
            stored, change = ("weight", _unfused) if side in fused else ("weight_orig", same)
            pairs.append(Pair(f"{block}.conv0.weight", f"{place}.{stored}", change))
            pairs.append(Pair(f"{block}.conv0.bias", f"{place}.bias"))
            for name in ("weight", "weight_flip"):
                filters[f"{theirs}.conv1.{1 if side in fused else 2}.{name}"] = filter_kernel(BLUR)
        pairs.append(Pair(f"{block}.conv1.weight", f"{theirs}.conv2.conv.weight_orig"))
        pairs.append(Pair(f"{block}.tail1.bias", f"{theirs}.conv2.conv.bias"))
        for number in (0, 1):
            tail, style = f"{block}.tail{number}", f"{theirs}.adain{number + 1}.style.linear"
            noise = f"{theirs}.noise{number + 1}.weight_orig"
            pairs.append(Pair(f"{tail}.noise_strength", noise, _strength))
            pairs.append(Pair(f"{tail}.affine.weight", f"{style}.weight_orig", root))
            pairs.append(Pair(f"{tail}.affine.bias", f"{style}.bias", _less_one))
        rgb = f"generator.to_rgb.{level}.conv"
        pairs.append(Pair(f"{block}.torgb.weight", f"{rgb}.weight_orig", root))
        pairs.append(Pair(f"{block}.torgb.bias", f"{rgb}.bias"))
    return pairs, filters


def _times(factor: float) -> Change:
    return lambda tensor: tensor * factor


def _unfused(weight: Tensor) -> Tensor:
    return (weight.transpose(0, 1) / 4).flip((2, 3))


def _strength(weight: Tensor) -> Tensor:
    return weight[0, :, 0, 0] * math.sqrt(2 / weight.shape[1])


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
    notes = [*_NOTES]
    if part == "generator":
        notes.append(NO_AVERAGE)
    if trained < blocks:
        notes.append(f"was trained up to {sides[-1]} px; the layers above are left out")
    if "discriminator" in root:
        notes.append("its discriminator is built differently from StyleGAN's and is left out")
    others = [shown(str(key)) for key in root if part and key != part]
    untrained = [f"{prefix}generator.progression.{level}" for level in range(trained, blocks)]
    return assemble(
        source,
        recipe,
        0,
        generator=generator,
        kind="rosinality-stylegan",
        unused=(*others, *untrained),
        notes=tuple(notes),
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
    used = {name: each for name, each in state.items() if _level(name) < len(sides)}
    noise = {
        f"synthesis.b{side}.tail{number}.noise_const": drawn_noise(f"b{side}", side)
        for side in sides
        for number in (0, 1)
    }
    return {**noise, **taken(used, _layout(layers, sides, fused), prefix)}


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
