"""Network pickles of the TensorFlow releases: Progressive GAN, StyleGAN, StyleGAN2, [ADA]."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from stylegan_cli.interop.foreign import (
    Foreign,
    NoGeneratorError,
    Taken,
    assemble,
    discriminator_if_possible,
    foreign_recipe,
    loaded,
    shapes_of,
)
from stylegan_cli.interop.pickles import UnsupportedError, shown
from stylegan_cli.interop.pickles.stand_ins import number
from stylegan_cli.interop.shapes_of_networks import (
    discriminator_values,
    generator_values,
    label_length,
)
from stylegan_cli.interop.tensor_maps import Change
from stylegan_cli.interop.tensorflow_networks import (
    GeneratorKind,
    PickledNetwork,
    discriminator_options,
    fused_from,
    generator_options,
    kind_of,
    truncation_of,
)

_OF_THE_WHOLE = ("lod", "dlatent_avg")


def tensorflow_networks(root: object) -> tuple[PickledNetwork, ...]:
    """Return the networks of a TensorFlow pickle, in order; none for another pickle."""
    members = root if isinstance(root, tuple | list) else (root,)
    return tuple(member for member in members if isinstance(member, PickledNetwork))


def read_tensorflow_release(networks: Sequence[PickledNetwork], source: str) -> Foreign:
    """Read the averaged generator, which is the last, and the discriminator of a pickle."""
    if any(network.version is None for network in networks):
        raise UnsupportedError(
            "networks of the Theano release of Progressive GAN, which sgtool does not "
            "read; use those of its TensorFlow release"
        )
    generators = [network for network in networks if _has(network, "ToRGB")]
    if not generators:
        raise NoGeneratorError(f"{source}: networks, but no generator among them")
    G = generators[-1]
    variables = _generator_variables(G)
    kind = kind_of(G, variables)
    generator = _generator(G, variables, kind)
    shapes = shapes_of(generator)
    joined = number(G.options.get("label_size", 0)) if kind.family == "progan" else 0
    c_dim = label_length(shapes) or (joined if isinstance(joined, int) else 0)
    values = generator_values(shapes) | generator_options(G, kind)
    if kind.family == "progan":
        values["generator.z_dim"] = values["generator.w_dim"] = shapes["mapping.w_avg"][0] - c_dim
    discriminator, d_values, notes = discriminator_if_possible(
        next((network for network in networks if _has(network, "FromRGB")), None),
        partial(_discriminator, kind=kind),
    )
    return assemble(
        source,
        foreign_recipe({**values, **d_values}, source),
        c_dim,
        generator=generator,
        discriminator=discriminator,
        kind=kind.name,
        lod=_lod(variables, kind),
        unused=("G",) if len(generators) > 1 else (),
        licence=kind.licence,
        provenance=truncation_of(G, kind),
        notes=notes,
    )


def _has(network: PickledNetwork, part: str) -> bool:
    return any(part in name for name in network.variables)


def _generator_variables(G: PickledNetwork) -> dict[str, Taken]:
    """Return variables by name; Progressive GAN's as those of the synthesis network it is."""
    of_parts = ("mapping/", "synthesis/")
    return {
        name if name in _OF_THE_WHOLE or name.startswith(of_parts) else f"synthesis/{name}": Taken(
            f"Gs.{name}", array
        )
        for name, array in G.variables.items()
    }


def _generator(
    G: PickledNetwork, variables: Mapping[str, Taken], kind: GeneratorKind
) -> dict[str, Taken]:
    resolution = _resolution(variables)
    naming = Naming(
        resolution=resolution,
        layers="modulated" if kind.family == "stylegan2" else "tails",
        fused_from=fused_from(G, variables, kind),
    )
    found = {
        _known(generator_name(name, naming), name): replace(
            taken, form=generator_form(name, naming)
        )
        for name, taken in variables.items()
        if name not in ("lod", "synthesis/lod")
    }
    if kind.family == "progan" and "synthesis.b4.input.weight" in found:
        # without a mapping network, w is z and there is no mean to truncate towards
        zeros = torch.zeros(found["synthesis.b4.input.weight"].shape[-1])
        found["mapping.w_avg"] = Taken("none: zeros", loaded(zeros))
    return found


def _resolution(variables: Iterable[str]) -> int:
    names = list(variables)
    sides = (4 << i for i in range(9))
    there = [side for side in sides if any(f"/{side}x{side}/" in name for name in names)]
    if not there:
        raise UnsupportedError("no layers that sgtool knows")
    return there[-1]


def _discriminator(
    D: PickledNetwork, kind: GeneratorKind
) -> tuple[Mapping[str, Taken], Mapping[str, object]]:
    found = discriminator_tensors(D)
    values = discriminator_values(shapes_of(found))
    return found, values | discriminator_options(D, found, kind)


def discriminator_tensors(D: PickledNetwork) -> dict[str, Taken]:
    """Return the tensor found for each name in the state dict of a discriminator of ours."""
    resolution = _resolution(f"/{name}" for name in D.variables)
    return {
        _known(discriminator_name(name, resolution), name): Taken(f"D.{name}", array, kernel_form)
        for name, array in D.variables.items()
        if name != "lod"
    }


def _known(ours: str | None, variable: str) -> str:
    if ours is None:
        raise UnsupportedError(f"a variable of an unknown layer: {shown(variable)}")
    return ours


def _lod(variables: Mapping[str, Taken], kind: GeneratorKind) -> float:
    """Return the number of levels a growing network still lacks; 0 for other networks."""
    stored = variables.get("synthesis/lod", variables.get("lod"))
    if stored is None or not kind.grows:
        return 0.0
    lod = float(stored.tensor())
    levels = _resolution(variables).bit_length() - 3
    if not 0 <= lod <= levels:
        raise UnsupportedError(f"lod is {lod:g}, but there are only {levels} levels above 4×4")
    return lod


_GENERATOR: Mapping[str, str] = {
    r"dlatent_avg": "mapping.w_avg",
    r"mapping/Dense(\d{1,3})/(weight|bias)": r"mapping.fc\1.\2",
    r"mapping/LabelConcat/weight": "mapping.embedding",
    r"mapping/LabelEmbed/(weight|bias)": r"mapping.embed.\1",
    r"synthesis/(\d{1,4})x\1/ToRGB/(.+)": r"synthesis.b\1.torgb.\2",
    r"synthesis/(\d{1,4})x\1/Skip/weight": r"synthesis.b\1.skip.weight",
    r"synthesis/4x4/Dense/weight": "synthesis.b4.input.weight",
}
_LAYER = re.compile(r"synthesis/(\d{1,4})x\1/(?:(Const|Dense|Conv0|Conv0_up)|Conv1?)/(.+)")
_TO_RGB = re.compile(r"synthesis/ToRGB_lod(\d{1,2})/(.+)")
_NOISE = re.compile(r"synthesis/noise(\d{1,2})")
_LEAVES: Mapping[str, str] = {
    "Noise/weight": "noise_strength",
    "StyleMod/weight": "affine.weight",
    "StyleMod/bias": "affine.bias",
    "mod_weight": "affine.weight",
    "mod_bias": "affine.bias",
}
_DISCRIMINATOR: Mapping[str, str] = {
    r"4x4/Conv/(weight|bias)": r"b4.conv.\1",
    r"4x4/Dense0/(weight|bias)": r"b4.fc.\1",
    r"(?:4x4/Dense1|Output)/(weight|bias)": r"b4.out.\1",
    r"(\d{1,4})x\1/Conv0/(weight|bias)": r"b\1.conv0.\2",
    r"(\d{1,4})x\1/Conv1(?:_down)?/(weight|bias)": r"b\1.conv1.\2",
    r"(\d{1,4})x\1/Skip/weight": r"b\1.skip.weight",
    r"(\d{1,4})x\1/FromRGB/(weight|bias)": r"b\1.fromrgb.\2",
    r"LabelEmbed/(weight|bias)": r"mapping.embed.\1",
    r"Mapping(\d{1,3})/(weight|bias)": r"mapping.fc\1.\2",
}
_FROM_RGB = re.compile(r"FromRGB_lod(\d{1,2})/(weight|bias)")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Facts that decide the names of a generator's variables.

    Attributes:
        layers: "modulated" as in [SG2], or "tails": the operations of a layer are separate.
        fused_from: Side from which upsampling layers are fused; None if none are.
    """

    resolution: int
    layers: Literal["modulated", "tails"]
    fused_from: int | None


def generator_name(variable: str, naming: Naming) -> str | None:
    """Return our name for a generator's variable, as "synthesis/8x8/Conv1/weight"; or None."""
    if match := _TO_RGB.fullmatch(variable):
        leaf = _LEAVES.get(match[2], match[2])
        return f"synthesis.b{naming.resolution >> int(match[1])}.torgb.{leaf}"
    if match := _NOISE.fullmatch(variable):
        # without a layer on the constant, the first map is that of the second layer
        place = int(match[1]) + (naming.layers == "modulated")
        part = "conv" if naming.layers == "modulated" else "tail"
        return f"synthesis.b{4 << place // 2}.{part}{place % 2}.noise_const"
    if variable == "synthesis/4x4/Const/const":
        return "synthesis.b4.const" if naming.layers == "modulated" else "synthesis.b4.input.const"
    if name := _translated(variable, _GENERATOR):
        head, _, leaf = name.partition(".torgb.")
        return f"{head}.torgb.{_LEAVES.get(leaf, leaf)}" if leaf else name
    if match := _LAYER.fullmatch(variable):
        side, first, leaf = match.groups()
        part = "conv" if naming.layers == "modulated" or leaf == "weight" else "tail"
        return f"synthesis.b{side}.{part}{0 if first else 1}.{_LEAVES.get(leaf, leaf)}"
    return None


def discriminator_name(variable: str, resolution: int) -> str | None:
    """Return our name for a discriminator's variable, as "8x8/Conv0/weight"; or None."""
    if match := _FROM_RGB.fullmatch(variable):
        return f"b{resolution >> int(match[1])}.fromrgb.{match[2]}"
    return _translated(variable, _DISCRIMINATOR)


def generator_form(variable: str, naming: Naming) -> Change:
    """Return the layout of a generator's variable."""
    if _NOISE.fullmatch(variable):
        return lambda tensor: tensor[0, 0]
    if variable.endswith("/const"):
        return lambda tensor: tensor[0]
    if variable.endswith("/mod_bias"):
        return lambda tensor: tensor + 1
    if variable == "mapping/LabelConcat/weight":
        return lambda tensor: tensor
    match = _LAYER.fullmatch(variable)
    fused = naming.fused_from is not None and match and int(match[1]) >= naming.fused_from
    if fused and re.search(r"/Conv0(_up)?/weight$", variable):
        return lambda tensor: kernel_form(tensor).flip((2, 3))
    return kernel_form


def kernel_form(tensor: Tensor) -> Tensor:
    """Convert weights `[…, in, out]` to our layout; other variables stay as they are."""
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1)
    return tensor.T if tensor.ndim == 2 else tensor


def _translated(variable: str, names: Mapping[str, str]) -> str | None:
    for pattern, ours in names.items():
        if match := re.fullmatch(pattern, variable):
            return match.expand(ours)
    return None
