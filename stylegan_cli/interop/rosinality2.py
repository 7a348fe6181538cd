"""Checkpoints of rosinality's StyleGAN2 in PyTorch, trained with it or converted for it."""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from torch import Tensor

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Foreign, StoredTensor, Taken, assemble, foreign_recipe
from stylegan_cli.interop.pickles.limits import shown
from stylegan_cli.interop.shapes_of_networks import count_of, network_values
from stylegan_cli.interop.tensor_maps import (
    NO_AVERAGE,
    NO_W_AVG,
    SAME,
    SGTOOL,
    W_AVG,
    Form,
    Pair,
    StateDict,
    drawn_noise,
    estimated_w_avg,
    filter_kernel,
    first_state,
    origin,
    state_dict,
    taken,
)
from stylegan_cli.ops.reference import FILTER

_BOXED = Form(lambda tensor: tensor[0], lambda tensor: tensor[None])
_REVERSED = Form(lambda tensor: tensor[0].flip((2, 3)), lambda tensor: tensor.flip((2, 3))[None])
_COLOURS = Form(lambda tensor: tensor[0, :, 0, 0], lambda tensor: tensor[None, :, None, None])
_NOISE = Form(lambda tensor: tensor[0, 0], lambda tensor: tensor[None, None])


def generator_pairs(layers: int, sides: tuple[int, ...]) -> Iterator[Pair]:
    """Yield all tensors of a generator except the mean of W."""
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


def generator_filters(sides: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the filters in a generator by name, all with gain 4, as upsampling needs."""
    levels = range(len(sides) - 1)
    names = (
        *(f"convs.{2 * number}.conv.blur.kernel" for number in levels),
        *(f"to_rgbs.{number}.upsample.kernel" for number in levels),
    )
    return {name: filter_kernel(FILTER, gain=4.0) for name in names}


def discriminator_pairs(sides: tuple[int, ...]) -> Iterator[Pair]:
    """Yield all tensors of a discriminator."""
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


def discriminator_filters(sides: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the filters in a discriminator by name, all without gain."""
    levels = range(1, len(sides))
    names = [f"convs.{number}.{part}.0.kernel" for number in levels for part in ("conv2", "skip")]
    return {name: filter_kernel(FILTER) for name in names}


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


KIND = "rosinality-stylegan2"
_MARK = "conv1.conv.modulation.weight"

_MOST_LEVELS = 8
_TOP = {"g_ema", "d", "latent_avg", "args", SGTOOL}


def is_rosinality2(root: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a file holds a checkpoint of this program, or only a generator's tensors."""
    return isinstance(root, dict) and any(
        isinstance(state, dict) and _MARK in state
        for state in (root, root.get("g_ema"), root.get("g"))
    )


def read_rosinality2(root: Mapping[str, object], source: str) -> Foreign:
    """Read the networks of a checkpoint; of several generators, the average."""
    state, part = first_state(root, ("g_ema", "g"), source)
    prefix = f"{part}." if part else ""
    sides = _sides(state, source)
    generator, notes = _generator(state, prefix, sides, source)
    if "latent_avg" in root:
        generator[W_AVG] = _given_w_avg(root["latent_avg"], source)
    discriminator = None
    if root.get("d"):
        pairs, filters = list(discriminator_pairs(sides)), discriminator_filters(sides)
        state = state_dict(root["d"], "d", source)
        discriminator = taken(state, pairs, filters, "d.", source)
    recipe = foreign_recipe(network_values(generator, discriminator, source), source)
    if W_AVG not in generator:
        generator[W_AVG] = estimated_w_avg(recipe, generator)
        notes += (NO_W_AVG,)
    if part == "g":
        notes += (NO_AVERAGE,)
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


def _sides(state: StateDict, source: str) -> tuple[int, ...]:
    levels = count_of(r"to_rgbs\.\d+\.bias", state)
    if levels > _MOST_LEVELS:
        raise ForeignFileError(f"{source}: {levels} levels, more than sgtool's {_MOST_LEVELS}")
    return tuple(4 << level for level in range(levels + 1))


def _generator(
    state: StateDict, prefix: str, sides: tuple[int, ...], source: str
) -> tuple[dict[str, Taken], tuple[str, ...]]:
    pairs = list(generator_pairs(count_of(r"style\.\d+\.weight", state), sides))
    found = taken(state, pairs, generator_filters(sides), prefix, source)
    drawn = {
        pair.ours: drawn_noise(pair.ours, int(pair.ours.split(".")[1].removeprefix("b")))
        for pair in pairs
        if pair.theirs.startswith("noises.")
    }
    lacking = drawn.keys() - found.keys()
    words = ("has no fixed noise; it is drawn from seed 0",) if lacking else ()
    return {**drawn, **found}, words


def _given_w_avg(value: object, source: str) -> Taken:
    if not isinstance(value, StoredTensor) or len(value.shape) != 1:
        raise ForeignFileError(f"{source}: latent_avg is not a mean of W (one row of numbers)")
    return Taken("latent_avg", value, SAME.to_ours)
