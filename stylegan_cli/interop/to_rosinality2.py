"""Networks of ours as checkpoints that rosinality's StyleGAN2 in PyTorch loads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing, written_whole
from stylegan_cli.interop.rosinality2 import (
    discriminator_filters,
    discriminator_pairs,
    generator_filters,
    generator_pairs,
)
from stylegan_cli.interop.tensor_maps import SGTOOL, W_AVG, Pair
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.layers import features_by_level
from stylegan_cli.networks.snapshot import Network, versions
from stylegan_cli.recipe import Settled

_CHANNEL_MULTIPLIERS = (1, 2)
_MULTIPLIER = 0.01
_GROUP = 4


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
    recipe, tensors = network.recipe, network.G.state_dict()
    sides = tuple(features_by_level(recipe.data.size, 1, 1))
    pairs = list(generator_pairs(recipe.generator.mapping_layers, sides))
    content: dict[str, Any] = {
        "g_ema": _theirs(pairs, tensors, generator_filters(sides)),
        "latent_avg": tensors[W_AVG],
    }
    names = {f"g_ema.{pair.theirs}": f"g_ema.{pair.ours}" for pair in pairs}
    names["latent_avg"] = f"g_ema.{W_AVG}"
    lacking = _lacking_discriminator(recipe, network.D)
    if not lacking and network.D is not None:
        own = list(discriminator_pairs(sides))
        content["d"] = _theirs(own, network.D.state_dict(), discriminator_filters(sides))
        names |= {f"d.{pair.theirs}": f"d.{pair.ours}" for pair in own}
    content[SGTOOL] = {
        "licence": network.header.licence,
        "kimg": network.kimg,
        "network_sha256": network.sha256,
        "provenance": dict(network.header.provenance),
        "versions": versions(),
    }
    notes = (_width_note(recipe), *_function_notes(recipe), *lacking)
    unused = ("d.",) if network.D is not None and "d" not in content else ()
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


def _theirs(
    pairs: Iterable[Pair], tensors: Mapping[str, Tensor], filters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    state = {}
    for pair in pairs:
        assert pair.form.to_theirs is not None
        state[pair.theirs] = pair.form.to_theirs(tensors[pair.ours])
    state |= filters
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


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


def _lacking_discriminator(recipe: Settled, D: Discriminator | None) -> tuple[str, ...]:
    section = recipe.discriminator
    if D is None:
        return ("there is no discriminator in the file, and none in the checkpoint",)
    readable = section.architecture == "resnet" or recipe.data.size.level == 4
    if not readable or section.mbstd_channels != 1:
        return (
            f"the discriminator ({section.architecture}, {section.mbstd_channels} channels of "
            "deviation) is left out; rosinality's is resnet with 1",
        )
    return ()


def _width_note(recipe: Settled) -> str:
    size, section = recipe.data.size, recipe.generator
    widths = features_by_level(size, section.channel_base, section.channel_max)
    for multiplier in _CHANNEL_MULTIPLIERS:
        if widths == features_by_level(size, 16_384 * multiplier, 512):
            return (
                f"load it with --size {size.level} --channel_multiplier {multiplier} "
                f"--n_mlp {section.mapping_layers} --latent {section.z_dim}"
            )
    listed = ", ".join(f"{each}: {width}" for each, width in widths.items())
    return (
        "its channel counts are not those that rosinality's program builds; to load it there, set "
        f"self.channels to {{{listed}}} in its model.py"
    )


def _function_notes(recipe: Settled) -> Iterator[str]:
    limit, group = recipe.generator.conv_clamp, recipe.discriminator.mbstd_group_size
    if limit is not None:
        yield f"its layers are no longer clamped at ±{limit:g}; images may differ there"
    if group != _GROUP:
        yield f"minibatch deviation is computed over groups of {_GROUP} there, in training"
