"""Checkpoints of rosinality's StyleGAN2 in PyTorch, read and written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing, written_whole
from stylegan_cli.interop.foreign import Foreign, StoredTensor, Taken, assemble, foreign_recipe
from stylegan_cli.interop.pickles import UnsupportedError, shown
from stylegan_cli.interop.shapes_of_networks import count_of, network_values
from stylegan_cli.interop.tensor_maps import (
    NO_AVERAGE,
    NO_W_AVG,
    SGTOOL,
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
    state_dict,
    taken,
)
from stylegan_cli.networks.layers import features_by_level
from stylegan_cli.networks.snapshot import Network, versions
from stylegan_cli.ops.reference import FILTER
from stylegan_cli.recipe import Settled

Changes = tuple[Change, Change]
_BOXED = (lambda tensor: tensor[0], lambda tensor: tensor[None])
_REVERSED = (lambda tensor: tensor[0].flip((2, 3)), lambda tensor: tensor.flip((2, 3))[None])
_COLOURS = (lambda tensor: tensor[0, :, 0, 0], lambda tensor: tensor[None, :, None, None])
_NOISE = (lambda tensor: tensor[0, 0], lambda tensor: tensor[None, None])


def _generator_layout(layers: int, sides: tuple[int, ...]) -> Layout:
    """Return all tensors of a generator except the mean of W, and its filters.

    The filters have gain 4, as upsampling needs.
    """
    pairs = [
        *(
            Pair(f"mapping.fc{i}.{kind}", f"style.{i + 1}.{kind}")
            for i in range(layers)
            for kind in ("weight", "bias")
        ),
        Pair("synthesis.b4.const", "input.input", *_BOXED),
        *_styled("synthesis.b4.conv1", "conv1", _BOXED, noise=0),
        *_to_rgb("synthesis.b4.torgb", "to_rgb1"),
    ]
    filters = {}
    for number, side in enumerate(sides[1:]):
        block, first, second = f"synthesis.b{side}", 2 * number, 2 * number + 1
        pairs += _styled(f"{block}.conv0", f"convs.{first}", _REVERSED, noise=first + 1)
        pairs += _styled(f"{block}.conv1", f"convs.{second}", _BOXED, noise=second + 1)
        pairs += _to_rgb(f"{block}.torgb", f"to_rgbs.{number}")
        for place in (f"convs.{first}.conv.blur", f"to_rgbs.{number}.upsample"):
            filters[f"{place}.kernel"] = filter_kernel(FILTER, gain=4.0)
    return pairs, filters


def _discriminator_layout(sides: tuple[int, ...]) -> Layout:
    """Return all tensors of a discriminator, and its filters, which have no gain."""
    names = {f"b{sides[-1]}.fromrgb.weight": "convs.0.0.weight"}
    names[f"b{sides[-1]}.fromrgb.bias"] = "convs.0.1.bias"
    filters = {}
    for number, side in enumerate(reversed(sides[1:]), start=1):
        block, theirs = f"b{side}", f"convs.{number}"
        names |= {
            f"{block}.conv0.weight": f"{theirs}.conv1.0.weight",
            f"{block}.conv0.bias": f"{theirs}.conv1.1.bias",
            f"{block}.conv1.weight": f"{theirs}.conv2.1.weight",
            f"{block}.conv1.bias": f"{theirs}.conv2.2.bias",
            f"{block}.skip.weight": f"{theirs}.skip.1.weight",
        }
        for part in ("conv2", "skip"):
            filters[f"{theirs}.{part}.0.kernel"] = filter_kernel(FILTER)
    names |= {"b4.conv.weight": "final_conv.0.weight", "b4.conv.bias": "final_conv.1.bias"}
    for ours, place in (("fc", 0), ("out", 1)):
        for kind in ("weight", "bias"):
            names[f"b4.{ours}.{kind}"] = f"final_linear.{place}.{kind}"
    return [Pair(ours, theirs) for ours, theirs in names.items()], filters


def _styled(ours: str, theirs: str, weight: Changes, *, noise: int) -> Iterator[Pair]:
    yield from _modulated(ours, theirs, weight)
    yield Pair(f"{ours}.bias", f"{theirs}.activate.bias")
    yield Pair(f"{ours}.noise_strength", f"{theirs}.noise.weight", *_BOXED)
    yield Pair(f"{ours}.noise_const", f"noises.noise_{noise}", *_NOISE)


def _to_rgb(ours: str, theirs: str) -> Iterator[Pair]:
    yield from _modulated(ours, theirs, _BOXED)
    yield Pair(f"{ours}.bias", f"{theirs}.bias", *_COLOURS)


def _modulated(ours: str, theirs: str, weight: Changes) -> Iterator[Pair]:
    yield Pair(f"{ours}.weight", f"{theirs}.conv.weight", *weight)
    for kind in ("weight", "bias"):
        yield Pair(f"{ours}.affine.{kind}", f"{theirs}.conv.modulation.{kind}")


_MARK = "conv1.conv.modulation.weight"
_MOST_LEVELS = 8
_CHANNEL_MULTIPLIERS = (1, 2)
_MULTIPLIER = 0.01
_GROUP = 4
_TOP = {"g_ema", "d", "latent_avg", "args", SGTOOL}


def is_rosinality2(root: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a file holds a checkpoint of this program, or only a generator's tensors."""
    return isinstance(root, dict) and any(
        isinstance(state, dict) and _MARK in state
        for state in (root, root.get("g_ema"), root.get("g"))
    )


def read_rosinality2(root: Mapping[str, object], source: str) -> Foreign:
    """Read the networks of a checkpoint; of several generators, the average."""
    state, part = first_state(root, ("g_ema", "g"))
    prefix = f"{part}." if part else ""
    levels = count_of(r"to_rgbs\.\d+\.bias", state)
    if levels > _MOST_LEVELS:
        raise UnsupportedError(f"{levels} levels, more than sgtool's {_MOST_LEVELS}")
    sides = tuple(4 << level for level in range(levels + 1))
    generator, notes = _generator(state, prefix, sides)
    if "latent_avg" in root:
        stored = root["latent_avg"]
        if not isinstance(stored, StoredTensor) or len(stored.shape) != 1:
            raise UnsupportedError("latent_avg is not a mean of W (one row of numbers)")
        generator[W_AVG] = Taken("latent_avg", stored)
    discriminator = None
    if root.get("d"):
        state = state_dict(root["d"], "d")
        discriminator = taken(state, _discriminator_layout(sides), "d.")
    recipe = foreign_recipe(network_values(generator, discriminator), source)
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
        kind="rosinality-stylegan2",
        unused=tuple(shown(str(key)) for key in root if part and key not in {*_TOP, part}),
        **origin(root),
        notes=notes,
    )


def _generator(
    state: StateDict, prefix: str, sides: tuple[int, ...]
) -> tuple[dict[str, Taken], tuple[str, ...]]:
    layout = _generator_layout(count_of(r"style\.\d+\.weight", state), sides)
    found = taken(state, layout, prefix)
    drawn = {
        pair.ours: drawn_noise(pair.ours, int(pair.ours.split(".")[1].removeprefix("b")))
        for pair in layout[0]
        if pair.theirs.startswith("noises.")
    }
    lacking = drawn.keys() - found.keys()
    words = ("has no fixed noise; it is drawn from seed 0",) if lacking else ()
    return {**drawn, **found}, words


@dataclass(frozen=True, kw_only=True)
class Written:
    """A checkpoint for rosinality's program.

    Attributes:
        names: Name in our network file by name in the checkpoint.
        unused: Names, or prefixes, of our tensors that the checkpoint lacks.
    """

    content: Mapping[str, Any]
    names: Mapping[str, str]
    unused: tuple[str, ...]
    notes: tuple[str, ...]

    def tensors(self) -> Iterator[tuple[str, str, list[int]]]:
        """Yield name there, name in our file and shape there of each tensor from our file."""
        for theirs, ours in self.names.items():
            part, _, name = theirs.partition(".")
            tensor = self.content[part][name] if name else self.content[part]
            yield theirs, ours, list(tensor.shape)


def rosinality_checkpoint(network: Network) -> Written:
    """Return the checkpoint of a network: `g_ema`, `latent_avg`, and `d` if it can be expressed.

    Raises:
        UsageError: That program has no such generator.
    """
    _check_generator(network)
    recipe = network.recipe
    sides = tuple(features_by_level(recipe.data.size, 1, 1))
    layout = _generator_layout(recipe.generator.mapping_layers, sides)
    content: dict[str, Any] = {
        "g_ema": _theirs(network.G, layout),
        "latent_avg": network.G.mapping.w_avg,
    }
    names = {f"g_ema.{pair.theirs}": f"g_ema.{pair.ours}" for pair in layout[0]}
    names["latent_avg"] = f"g_ema.{W_AVG}"
    lacking = _lacking_discriminator(recipe, network.D)
    if not lacking and network.D is not None:
        layout = _discriminator_layout(sides)
        content["d"] = _theirs(network.D, layout)
        names |= {f"d.{pair.theirs}": f"d.{pair.ours}" for pair in layout[0]}
    content[SGTOOL] = {
        "licence": network.licence,
        "kimg": network.kimg,
        "network_sha256": network.sha256,
        "provenance": dict(network.provenance),
        "versions": versions(),
    }
    unused = ("d.",) if lacking and network.D is not None else ()
    notes = (*_notes(recipe), *([lacking] if lacking else []))
    return Written(content=content, names=names, unused=unused, notes=notes)


def save_checkpoint(path: Path, written: Written) -> None:
    """Write the checkpoint; it appears under its name only when whole.

    Raises:
        OutputError: The place cannot be written.
    """
    with (
        written_whole(path) as temporary,
        writing(path, RuntimeError),
        temporary.open("wb") as file,
    ):
        torch.save(dict(written.content), file)


def _theirs(network: nn.Module, layout: Layout) -> dict[str, Tensor]:
    (pairs, filters), tensors = layout, network.state_dict()
    state = {pair.theirs: pair.to_theirs(tensors[pair.ours]) for pair in pairs}
    return {
        name: tensor.detach().cpu().contiguous() for name, tensor in {**state, **filters}.items()
    }


def _check_generator(network: Network) -> None:
    section, data = network.recipe.generator, network.recipe.data
    expected = {
        "family": (section.family, "stylegan2"),
        "architecture": (section.architecture, "skip"),
        "resolution": (data.resolution, data.size.level),
        "channels": (data.channels, 3),
        "length of labels": (network.c_dim, 0),
        "w_dim": (section.w_dim, section.z_dim),
        "mapping_lr_multiplier": (section.mapping_lr_multiplier, _MULTIPLIER),
    }
    for name, (found, only) in expected.items():
        if found != only:
            raise UsageError(
                f"{network.path}: {name} is {found}, and rosinality's StyleGAN2 supports only "
                f"{only}; a .safetensors file holds every network"
            )


def _lacking_discriminator(recipe: Settled, D: nn.Module | None) -> str:
    """Return why the checkpoint has no discriminator; empty if it has one."""
    section = recipe.discriminator
    if D is None:
        return "there is no discriminator in the file, and none in the checkpoint"
    readable = section.architecture == "resnet" or recipe.data.size.level == 4
    if readable and section.mbstd_channels == 1:
        return ""
    return (
        f"the discriminator ({section.architecture}, {section.mbstd_channels} channels of "
        "deviation) is left out; rosinality's is resnet with 1"
    )


def _notes(recipe: Settled) -> Iterator[str]:
    """Yield how to load a checkpoint there, and what differs."""
    size, section = recipe.data.size, recipe.generator
    widths = features_by_level(size, section.channel_base, section.channel_max)
    usual = {each: features_by_level(size, 16_384 * each, 512) for each in _CHANNEL_MULTIPLIERS}
    if multiplier := next((each for each in usual if usual[each] == widths), None):
        yield (
            f"load it with --size {size.level} --channel_multiplier {multiplier} "
            f"--n_mlp {section.mapping_layers} --latent {section.z_dim}"
        )
    else:
        listed = ", ".join(f"{each}: {width}" for each, width in widths.items())
        yield (
            "its channel counts are not those that rosinality's program builds; to load it there, "
            f"set self.channels to {{{listed}}} in its model.py"
        )
    if section.conv_clamp is not None:
        limit = section.conv_clamp
        yield f"its layers are no longer clamped at ±{limit:g}; images may differ there"
    if recipe.discriminator.mbstd_group_size != _GROUP:
        yield f"minibatch deviation is computed over groups of {_GROUP} there, in training"
