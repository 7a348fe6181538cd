"""Networks in the pickles of the TensorFlow releases, [PG] to [ADA]: data, kind and options.

Such a pickle carries the source text that built its networks; it is dropped unread.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from stylegan_cli.interop.foreign import CC_BY_NC, NVIDIA_SOURCE_LICENCE, Taken, deviation_groups
from stylegan_cli.interop.pickles import (
    MOST_TENSORS,
    RefusedError,
    UnsupportedError,
    shown_value,
)
from stylegan_cli.interop.pickles.machine import Empty, Table
from stylegan_cli.interop.pickles.stand_ins import PickledArray, named, number

_ALIASES = {"G_mapping/": "mapping/", "G_synthesis/": "synthesis/"}


class PickledNetwork:
    """A network: its options, its variables, and the networks within it."""

    def __init__(self) -> None:
        self.state: Mapping[str, object] = {}

    def set_state(self, state: object) -> None:
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise RefusedError("a network whose state is not that of the originals")
        self.state = state

    def held(self) -> Collection[object]:
        return (self.state,)

    @property
    def version(self) -> int | None:
        """Return the version of the format; None in files of the Theano release."""
        version = self.state.get("version")
        return version if isinstance(version, int) else None

    @cached_property
    def options(self) -> Mapping[str, object]:
        """Return the recorded options of it and its parts; defaults are not recorded."""
        merged = named(self.state.get("static_kwargs"))
        for part in self.parts.values():
            merged = {**part.options, **merged}
        return merged

    @property
    def parts(self) -> Mapping[str, "PickledNetwork"]:
        """Return the networks within it by role, as "mapping" and "synthesis"."""
        found = named(self.state.get("components"))
        return {role: part for role, part in found.items() if isinstance(part, PickledNetwork)}

    @cached_property
    def variables(self) -> Mapping[str, PickledArray]:
        """Return its variables and, with each part's role as prefix, those of its parts."""
        listed = self.state.get("variables")
        own = dict(_pair(entry) for entry in listed) if isinstance(listed, list) else {}
        for role, part in self.parts.items():
            if len(own) > MOST_TENSORS:
                raise RefusedError(f"more than {MOST_TENSORS:,} variables")
            own |= {f"{role}/{name}": array for name, array in part.variables.items()}
        return {_plain_name(name): array for name, array in own.items()}


def _pair(entry: object) -> tuple[str, PickledArray]:
    match entry:
        case str(name), PickledArray() as array:
            return name, array
    raise RefusedError("a variable that is not a name and an array")


def _plain_name(name: str) -> str:
    for theirs, role in _ALIASES.items():
        if name.startswith(theirs):
            return role + name.removeprefix(theirs)
    return name


TENSORFLOW_NAMES: Table = {
    (module, "Network"): Empty(PickledNetwork)
    for module in ("dnnlib.tflib.network", "tfutil", "network")
}
"""The names for networks in the pickles of the TensorFlow and Theano releases."""


Family = Literal["progan", "stylegan1", "stylegan2"]
_STYLEGAN2, _ADA = 4, 5
_AUTO_FUSED_FROM = 128
_ONLY: Mapping[str, object] = {
    "act": "lrelu",
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "use_wscale": True,
    "mapping_use_wscale": True,
    "normalize_latents": True,
    "use_leakyrelu": True,
    "use_pixelnorm": True,
    "blur_filter": [1, 2, 1],
    "resample_kernel": [1, 3, 3, 1],
}
"""Options that have one value only in the networks of sgtool, which is also the default."""


@dataclass(frozen=True, kw_only=True)
class GeneratorKind:
    """The kind of a generator.

    Attributes:
        version: Of the format: 2 and 3 up to StyleGAN, 4 StyleGAN2, 5 [ADA].
    """

    version: int
    family: Family
    grows: bool
    styles: bool

    @property
    def name(self) -> str:
        if self.family == "progan":
            return "progan-tf"
        if self.version < _STYLEGAN2:
            return "stylegan-tf"
        return "stylegan2-tf" if self.version == _STYLEGAN2 else "stylegan2-ada-tf"

    @property
    def licence(self) -> str:
        return CC_BY_NC if self.version < _STYLEGAN2 else NVIDIA_SOURCE_LICENCE


def kind_of(G: PickledNetwork, variables: Iterable[str]) -> GeneratorKind:
    """Return the kind of a generator, by its variables; the version alone does not decide it."""
    names, version = set(variables), G.version or 0
    if any(name.endswith("/mod_weight") for name in names):
        grows = any(name.startswith("synthesis/ToRGB_lod") for name in names)
        return GeneratorKind(version=version, family="stylegan2", grows=grows, styles=True)
    if any(name.endswith("/StyleMod/weight") for name in names):
        return GeneratorKind(version=version, family="stylegan1", grows=True, styles=True)
    if "synthesis/4x4/Dense/weight" in names:
        family: Family = "stylegan1" if G.parts else "progan"
        return GeneratorKind(version=version, family=family, grows=True, styles=False)
    raise UnsupportedError("a kind of generator that sgtool does not support")


def fused_from(G: PickledNetwork, variables: Iterable[str], kind: GeneratorKind) -> int | None:
    """Return the side from which upsampling layers are fused; None if none are."""
    if kind.family == "progan":
        return 8 if any("/Conv0_up/" in name for name in variables) else None
    if kind.family == "stylegan1":
        fused = G.options.get("fused_scale", "auto")
        return _AUTO_FUSED_FROM if fused == "auto" else 8 if fused else None
    return None


def generator_options(G: PickledNetwork, kind: GeneratorKind) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for the options of a generator."""
    _check(G.options)
    if kind.family == "stylegan1":
        _check_norm(G.options, kind)
    values: dict[str, object] = {"generator.family": kind.family}
    if kind.family == "stylegan2" and "mapping/LabelConcat/weight" in G.variables:
        # labels as before [ADA]
        values |= {"generator.labels": "embedded", "discriminator.labels": "own-logit"}
    if kind.family != "stylegan2":
        const = "synthesis/4x4/Const/const" in G.variables
        values |= {
            "generator.input": "const" if const else "latent",
            "generator.styles": kind.styles,
            "generator.noise": "synthesis/noise0" in G.variables,
        }
    if not kind.styles:
        values["loss.style_mixing_prob"] = 0.0
    if kind.grows:
        values |= dict.fromkeys(
            ("generator.architecture", "discriminator.architecture"), "progressive"
        )
    if any(name.startswith("mapping/Dense") for name in G.variables):
        values["generator.mapping_lr_multiplier"] = number(G.options.get("mapping_lrmul", 0.01))
    if kind.family == "stylegan2":
        values["generator.conv_clamp"] = number(G.options.get("conv_clamp"))
    return values


def discriminator_options(
    D: PickledNetwork, tensors: Mapping[str, Taken], kind: GeneratorKind
) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for the options of a discriminator."""
    _check(D.options)
    default = None if kind.version >= _ADA else 4
    values = {**deviation_groups(number(D.options.get("mbstd_group_size", default)))}
    if kind.grows:
        values["discriminator.architecture"] = "progressive"
    if kind.family == "stylegan2":
        values["discriminator.conv_clamp"] = number(D.options.get("conv_clamp"))
    if kind.family == "progan":
        values["discriminator.fused_scale"] = any("Conv1_down" in name for name in D.variables)
    if "mapping.embed.weight" in tensors:
        layers = sum(name.startswith("mapping.fc") for name in tensors) // 2
        values |= {
            "discriminator.mapping_layers": layers,
            "discriminator.mapping_lr_multiplier": number(D.options.get("mapping_lrmul", 0.1)),
        }
    return values


def truncation_of(G: PickledNetwork, kind: GeneratorKind) -> dict[str, object]:
    """Return the original's default truncation."""
    if kind.family == "progan" or not kind.styles:
        return {}
    psi, cutoff = (0.7, 8) if kind.family == "stylegan1" else (0.5, None)
    return {
        "truncation_psi": _finite(G.options.get("truncation_psi", psi)),
        "truncation_cutoff": _finite(G.options.get("truncation_cutoff", cutoff)),
    }


def _finite(value: object) -> object:
    """Return the number if JSON can hold it."""
    found = number(value)
    return found if isinstance(found, int | float) and math.isfinite(found) else None


def _check(options: Mapping[str, object]) -> None:
    for name, only in _ONLY.items():
        found = options.get(name, only)
        if (list(found) if isinstance(found, tuple) else found) != only:
            raise UnsupportedError(
                f"built with {name} {shown_value(found)}; sgtool supports only {only}"
            )


def _check_norm(options: Mapping[str, object], kind: GeneratorKind) -> None:
    pixel = bool(options.get("use_pixel_norm", False))
    instance = bool(options.get("use_instance_norm", True))
    if (pixel, instance) != (not kind.styles, kind.styles):
        raise UnsupportedError(
            f"pixel norm {pixel}, instance norm {instance}; sgtool supports instance "
            "norm with styles and pixel norm without"
        )
