"""The tensors of rosinality's StyleGAN(1) in PyTorch, beside ours, and how their scales differ.

Stored values are multiplied at run time there and here, by other factors: √2 too many in some
layers, 0.01 in none, a quarter in kernels that double the size in one operation.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from stylegan_cli.interop.pairs import SAME, Form, Pair
from stylegan_cli.ops.reference import BLUR

_MAPPING_MULTIPLIER = 0.01


def generator_pairs(layers: int, sides: tuple[int, ...], fused: frozenset[int]) -> Iterator[Pair]:
    """All tensors of a generator but the mean of W and fixed noise, which it lacks.

    Args:
        layers: Of the mapping network.
        sides: Resolutions from 4 up.
        fused: Those whose size is doubled and convolved in one operation.
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


def filter_names(sides: tuple[int, ...], fused: frozenset[int]) -> tuple[str, ...]:
    """Names of the `[1, 2, 1]` filters of a generator."""
    places = [(level, 1 if side in fused else 2) for level, side in enumerate(sides) if level]
    return tuple(
        f"generator.progression.{level}.conv1.{place}.{name}"
        for level, place in places
        for name in ("weight", "weight_flip")
    )


def blur_kernel() -> Tensor:
    """`[3, 3]`, the filter as it is stored there."""
    taps = torch.tensor(BLUR)
    return taps.outer(taps) / taps.sum() ** 2


def _first(ours: str, theirs: str, side: int, *, is_fused: bool) -> Iterator[Pair]:
    if side == 4:
        yield Pair(f"{ours}.input.const", f"{theirs}.conv1.input", Form(lambda tensor: tensor[0]))
    elif is_fused:
        yield Pair(f"{ours}.conv0.weight", f"{theirs}.conv1.0.weight", Form(_unfused))
        yield Pair(f"{ours}.conv0.bias", f"{theirs}.conv1.0.bias", SAME)
    else:
        yield Pair(f"{ours}.conv0.weight", f"{theirs}.conv1.1.conv.weight_orig", SAME)
        yield Pair(f"{ours}.conv0.bias", f"{theirs}.conv1.1.conv.bias", SAME)


def _tail(ours: str, theirs: str, number: int) -> Iterator[Pair]:
    yield Pair(f"{ours}.noise_strength", f"{theirs}.noise{number}.weight_orig", Form(_strength))
    style = f"{theirs}.adain{number}.style.linear"
    yield Pair(f"{ours}.affine.weight", f"{style}.weight_orig", _times(math.sqrt(2)))
    yield Pair(f"{ours}.affine.bias", f"{style}.bias", Form(_less_one))


def _times(factor: float) -> Form:
    return Form(lambda tensor: tensor * factor)


def _unfused(weight: Tensor) -> Tensor:
    return (weight.transpose(0, 1) / 4).flip((2, 3))


def _strength(weight: Tensor) -> Tensor:
    return weight[0, :, 0, 0] * math.sqrt(2 / weight.shape[1])


def _less_one(bias: Tensor) -> Tensor:
    # ours adds the 1 of the scales, the first half, at run time
    scales, shifts = bias.chunk(2)
    return torch.cat([scales - 1, shifts])
