"""Checkpoints of rosinality's StyleGAN(1) in PyTorch: their generators.

Its discriminator is built otherwise than StyleGAN's, and ours cannot hold it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Foreign, Taken, assemble, foreign_recipe
from stylegan_cli.interop.limits import shown
from stylegan_cli.interop.made_tensors import SAMPLES, W_AVG, drawn_noise, estimated_w_avg
from stylegan_cli.interop.pairs import check_known, taken
from stylegan_cli.interop.rosinality1_names import blur_kernel, filter_names, generator_pairs
from stylegan_cli.interop.shapes_of_networks import generator_values
from stylegan_cli.interop.state_dicts import StateDict, origin, state_dict

KIND = "rosinality-stylegan"
_MARK = "generator.progression.0.conv1.input"
_MOST_BLOCKS = 9
_PARTS = ("g_running", "generator")
_NOTES = (
    f"holds no mean of W; it is estimated from {SAMPLES:,} latents of seed 0",
    "holds no fixed noise; it is drawn from seed 0, one map for both layers of a resolution",
)


def is_rosinality1(root: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a file holds a checkpoint of this program, or the bare state dict of a generator."""
    if not isinstance(root, dict):
        return False
    states = (root, *(root.get(part) for part in _PARTS))
    return any(isinstance(state, dict) and _MARK in state for state in states)


def read_rosinality1(root: Mapping[str, object], source: str) -> Foreign:
    """The averaged generator of a checkpoint, as far as it was trained.

    Raises:
        ForeignFileError: Tensors are missing or of another network.
    """
    part = next((name for name in _PARTS if isinstance(root.get(name), dict)), "")
    prefix = f"{part}." if part else ""
    state = state_dict(root[part] if part else root, part, source)
    blocks = _count(r"generator\.to_rgb\.\d+\.conv\.bias", state)
    if blocks > _MOST_BLOCKS:
        raise ForeignFileError(f"{source}: {blocks} levels, more than sgtool's {_MOST_BLOCKS}")
    trained = _trained_blocks(state, blocks)
    sides = tuple(4 << level for level in range(trained))
    generator = _generator(state, prefix, sides, source)
    recipe = foreign_recipe(_values(generator, sides, source), source)
    generator[W_AVG] = estimated_w_avg(recipe, generator)
    others = [shown(str(key)) for key in root if part and key != part]
    untrained = [f"{prefix}generator.progression.{level}" for level in range(trained, blocks)]
    return assemble(
        source,
        recipe,
        0,
        generator=generator,
        kind=KIND,
        unused=(*others, *untrained),
        notes=(*_NOTES, *_more_notes(root, part, sides, grown=trained == blocks)),
        **origin(root),
    )


def _count(pattern: str, state: StateDict) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)


def _trained_blocks(state: StateDict, blocks: int) -> int:
    # files always hold the layers up to 1024 px; those never trained have biases of exactly 0
    biases = {level: state.get(f"generator.to_rgb.{level}.conv.bias") for level in range(blocks)}
    moved = [level for level, bias in biases.items() if bias and bias.tensor().any()]
    return max(moved, default=blocks - 1) + 1


def _generator(
    state: StateDict, prefix: str, sides: tuple[int, ...], source: str
) -> dict[str, Taken]:
    layers = _count(r"style\.\d+\.linear\.weight_orig", state)
    fused = frozenset(
        side
        for level, side in enumerate(sides)
        if f"generator.progression.{level}.conv1.0.weight" in state
    )
    pairs, filters = list(generator_pairs(layers, sides, fused)), filter_names(sides, fused)
    used = {name: each for name, each in state.items() if _level(name) < len(sides)}
    check_known(used, (*(pair.theirs for pair in pairs), *filters), prefix, source)
    _check_filters(used, filters, prefix, source)
    noise = {
        f"synthesis.b{side}.tail{number}.noise_const": drawn_noise(f"b{side}", side)
        for side in sides
        for number in (0, 1)
    }
    return {**noise, **taken(pairs, used, prefix)}


def _level(name: str) -> int:
    """The resolution that a tensor belongs to, counted from 4 px; 0 for the mapping network."""
    match = re.match(r"generator\.(?:progression|to_rgb)\.(\d+)\.", name)
    return int(match[1]) if match else 0


def _check_filters(state: StateDict, names: tuple[str, ...], prefix: str, source: str) -> None:
    expected = blur_kernel()
    for name in names:
        if name not in state:
            continue
        kernel = state[name].tensor().float()
        if kernel.shape[-2:] != (3, 3) or not torch.allclose(kernel, expected.expand_as(kernel)):
            raise ForeignFileError(
                f"{source}: {prefix}{name} is not the filter 1, 2, 1, the only one sgtool has"
            )


def _values(
    generator: Mapping[str, Taken], sides: tuple[int, ...], source: str
) -> dict[str, object]:
    shapes = {name: each.shape for name, each in generator.items()}
    shapes[W_AVG] = shapes.get("synthesis.b4.tail0.affine.weight", (0, 0))[1:]
    return {
        **generator_values(shapes, source),
        "title": Path(source).stem,
        "generator.family": "stylegan1",
        "generator.architecture": "progressive",
        "generator.variant": "rosinality",
        "discriminator.architecture": "progressive",
        "growing.initial_resolution": min(8, sides[-1]),
    }


def _more_notes(
    root: Mapping[str, object], part: str, sides: tuple[int, ...], *, grown: bool
) -> tuple[str, ...]:
    notes = []
    if part == "generator":
        notes.append("holds no averaged generator; the one in training is taken")
    if not grown:
        notes.append(f"was trained up to {sides[-1]} px; the layers above are left out")
    if "discriminator" in root:
        notes.append("its discriminator is built otherwise than StyleGAN's, and is left out")
    return tuple(notes)
