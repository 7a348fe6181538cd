"""The tensors of rosinality's StyleGAN2 in PyTorch, beside ours.

Kernels that double the size are stored reversed there, and filters with their gain.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from stylegan_cli.interop.pairs import SAME, Form, Pair
from stylegan_cli.ops.reference import FILTER

_BOXED = Form(lambda tensor: tensor[0], lambda tensor: tensor[None])
_REVERSED = Form(lambda tensor: tensor[0].flip((2, 3)), lambda tensor: tensor.flip((2, 3))[None])
_COLOURS = Form(lambda tensor: tensor[0, :, 0, 0], lambda tensor: tensor[None, :, None, None])
_NOISE = Form(lambda tensor: tensor[0, 0], lambda tensor: tensor[None, None])


def generator_pairs(layers: int, sides: tuple[int, ...]) -> Iterator[Pair]:
    """All tensors of a generator but the mean of W.

    Args:
        layers: Of the mapping network.
        sides: Resolutions from 4 up.
    """
    for i in range(layers):
        for kind in ("weight", "bias"):
            yield Pair(f"mapping.fc{i}.{kind}", f"style.{i + 1}.{kind}", SAME)
    yield Pair("synthesis.b4.const", "input.input", _BOXED)
    yield from _styled("synthesis.b4.conv1", "conv1", _BOXED, noise=0)
    yield from _to_rgb("synthesis.b4.torgb", "to_rgb1")
    for number, side in enumerate(sides[1:]):
        block, first, second = f"synthesis.b{side}", 2 * number, 2 * number + 1
        yield from _styled(f"{block}.conv0", f"convs.{first}", _REVERSED, noise=first + 1)
        yield from _styled(f"{block}.conv1", f"convs.{second}", _BOXED, noise=second + 1)
        yield from _to_rgb(f"{block}.torgb", f"to_rgbs.{number}")


def generator_filters(sides: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the filters in a generator, all with the gain of doubling, 4."""
    levels = range(len(sides) - 1)
    return (
        *(f"convs.{2 * number}.conv.blur.kernel" for number in levels),
        *(f"to_rgbs.{number}.upsample.kernel" for number in levels),
    )


def discriminator_pairs(sides: tuple[int, ...]) -> Iterator[Pair]:
    """All tensors of a discriminator.

    Args:
        sides: Resolutions from 4 up.
    """
    largest = f"b{sides[-1]}"
    yield Pair(f"{largest}.fromrgb.weight", "convs.0.0.weight", SAME)
    yield Pair(f"{largest}.fromrgb.bias", "convs.0.1.bias", SAME)
    for number, side in enumerate(reversed(sides[1:]), start=1):
        block, theirs = f"b{side}", f"convs.{number}"
        yield Pair(f"{block}.conv0.weight", f"{theirs}.conv1.0.weight", SAME)
        yield Pair(f"{block}.conv0.bias", f"{theirs}.conv1.1.bias", SAME)
        yield Pair(f"{block}.conv1.weight", f"{theirs}.conv2.1.weight", SAME)
        yield Pair(f"{block}.conv1.bias", f"{theirs}.conv2.2.bias", SAME)
        yield Pair(f"{block}.skip.weight", f"{theirs}.skip.1.weight", SAME)
    yield Pair("b4.conv.weight", "final_conv.0.weight", SAME)
    yield Pair("b4.conv.bias", "final_conv.1.bias", SAME)
    for ours, theirs in (("fc", "final_linear.0"), ("out", "final_linear.1")):
        for kind in ("weight", "bias"):
            yield Pair(f"b4.{ours}.{kind}", f"{theirs}.{kind}", SAME)


def discriminator_filters(sides: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the filters in a discriminator, all without gain."""
    levels = range(1, len(sides))
    return tuple(
        f"convs.{number}.{part}.0.kernel" for number in levels for part in ("conv2", "skip")
    )


def filter_kernel(gain: float) -> Tensor:
    """`[4, 4]`, the filter as it is stored there."""
    taps = torch.tensor(FILTER)
    return taps.outer(taps) / taps.sum() ** 2 * gain


def _styled(ours: str, theirs: str, weight: Form, *, noise: int) -> Iterator[Pair]:
    yield Pair(f"{ours}.weight", f"{theirs}.conv.weight", weight)
    yield from _affine(ours, theirs)
    yield Pair(f"{ours}.bias", f"{theirs}.activate.bias", SAME)
    yield Pair(f"{ours}.noise_strength", f"{theirs}.noise.weight", _BOXED)
    yield Pair(f"{ours}.noise_const", f"noises.noise_{noise}", _NOISE)


def _to_rgb(ours: str, theirs: str) -> Iterator[Pair]:
    yield Pair(f"{ours}.weight", f"{theirs}.conv.weight", _BOXED)
    yield from _affine(ours, theirs)
    yield Pair(f"{ours}.bias", f"{theirs}.bias", _COLOURS)


def _affine(ours: str, theirs: str) -> Iterator[Pair]:
    for kind in ("weight", "bias"):
        yield Pair(f"{ours}.affine.{kind}", f"{theirs}.conv.modulation.{kind}", SAME)
