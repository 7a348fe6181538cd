"""The kind of network in a TensorFlow pickle, and the options it was built with."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import CC_BY_NC, NVIDIA_SOURCE_LICENCE, WHOLE_BATCH, Taken
from stylegan_cli.interop.pickles.limits import shown_value
from stylegan_cli.interop.pickles.stand_ins import PickledArray
from stylegan_cli.interop.tensorflow_networks import PickledNetwork

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
class Kind:
    """The kind of a generator.

    Attributes:
        version: Of the format: 2 and 3 up to StyleGAN, 4 StyleGAN2, 5 [ADA].
        grows: Level by level.
        styles: Each layer takes a w of its own.
    """

    version: int
    family: Family
    grows: bool
    styles: bool

    @property
    def name(self) -> str:
        """Return the program that writes such files."""
        if self.family == "progan":
            return "progan-tf"
        if self.version < _STYLEGAN2:
            return "stylegan-tf"
        return "stylegan2-tf" if self.version == _STYLEGAN2 else "stylegan2-ada-tf"

    @property
    def licence(self) -> str:
        return CC_BY_NC if self.version < _STYLEGAN2 else NVIDIA_SOURCE_LICENCE


def kind_of(G: PickledNetwork, variables: Iterable[str], source: str) -> Kind:
    """Return the kind of a generator, by its variables; the version alone does not decide it.

    Raises:
        ForeignFileError: sgtool does not support it.
    """
    names, version = set(variables), G.version or 0
    if any(name.endswith("/mod_weight") for name in names):
        grows = any(name.startswith("synthesis/ToRGB_lod") for name in names)
        return Kind(version=version, family="stylegan2", grows=grows, styles=True)
    if any(name.endswith("/StyleMod/weight") for name in names):
        return Kind(version=version, family="stylegan1", grows=True, styles=True)
    if "synthesis/4x4/Dense/weight" in names:
        family: Family = "stylegan1" if G.parts else "progan"
        return Kind(version=version, family=family, grows=True, styles=False)
    raise ForeignFileError(f"{source}: a kind of generator that sgtool does not support")


def fused_from(G: PickledNetwork, variables: Iterable[str], kind: Kind) -> int | None:
    """Return the side from which upsampling layers are fused; None if none are."""
    if kind.family == "progan":
        return 8 if any("/Conv0_up/" in name for name in variables) else None
    if kind.family == "stylegan1":
        fused = G.options.get("fused_scale", "auto")
        return _AUTO_FUSED_FROM if fused == "auto" else 8 if fused else None
    return None


def generator_options(G: PickledNetwork, kind: Kind, source: str) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for the options of a generator.

    Raises:
        ForeignFileError: An option that the networks of sgtool do not have.
    """
    _check(G.options, source)
    if kind.family == "stylegan2" and "mapping/LabelConcat/weight" in G.variables:
        raise ForeignFileError(
            f"{source}: a StyleGAN2 network with labels as before ADA (LabelConcat); "
            "sgtool supports those of ADA"
        )
    if kind.family == "stylegan1":
        _check_norm(G.options, kind, source)
    values: dict[str, object] = {"generator.family": kind.family}
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
    D: PickledNetwork, tensors: Mapping[str, Taken], kind: Kind, source: str
) -> dict[str, object]:
    """Return values of a recipe, by dotted key, for the options of a discriminator.

    Args:
        tensors: By our names.

    Raises:
        ForeignFileError: An option that the networks of sgtool do not have.
    """
    _check(D.options, source)
    default = None if kind.version >= _ADA else 4
    group = number(D.options.get("mbstd_group_size", default)) or WHOLE_BATCH
    values: dict[str, object] = {"discriminator.mbstd_group_size": group}
    if isinstance(group, int):
        values["train.batch_size"] = math.lcm(group, 32)
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


def truncation_of(G: PickledNetwork, kind: Kind) -> dict[str, object]:
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


def number(value: object) -> object:
    """Convert an option from a NumPy number to one of Python's."""
    return value.item() if isinstance(value, PickledArray) else value


def _check(options: Mapping[str, object], source: str) -> None:
    for name, only in _ONLY.items():
        found = options.get(name, only)
        if (list(found) if isinstance(found, tuple) else found) != only:
            raise ForeignFileError(
                f"{source}: built with {name} {shown_value(found)}; sgtool supports only {only}"
            )


def _check_norm(options: Mapping[str, object], kind: Kind, source: str) -> None:
    pixel = bool(options.get("use_pixel_norm", False))
    instance = bool(options.get("use_instance_norm", True))
    if (pixel, instance) != (not kind.styles, kind.styles):
        raise ForeignFileError(
            f"{source}: pixel norm {pixel}, instance norm {instance}; sgtool supports "
            "instance norm "
            "with styles and pixel norm without"
        )
