"""Networks in the pickles of the TensorFlow releases, [PG] to [ADA], as the data they hold.

Such a pickle carries the source text that built its networks; it is dropped unread.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from torch import Tensor

from stylegan_cli.interop.pickles.limits import MOST_TENSORS, RefusedError
from stylegan_cli.interop.pickles.machine import Empty, Table
from stylegan_cli.interop.pickles.stand_ins import PickledArray

_ALIASES = {"G_mapping/": "mapping/", "G_synthesis/": "synthesis/"}


class PickledNetwork:
    """A network: its options, its variables, and the networks within it."""

    def __init__(self) -> None:
        self.state: Mapping[str, object] = {}

    def set_state(self, state: object) -> None:
        """Take what the file says of the network."""
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
        merged = _table(self.state.get("static_kwargs"))
        for part in self.parts.values():
            merged = {**part.options, **merged}
        return merged

    @property
    def parts(self) -> Mapping[str, "PickledNetwork"]:
        """Return the networks within it by role, as "mapping" and "synthesis"."""
        found = _table(self.state.get("components"))
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
    if not isinstance(entry, tuple | list) or len(entry) != 2:
        raise RefusedError("a variable that is not a name and an array")
    name, array = entry
    if not isinstance(name, str) or not isinstance(array, PickledArray):
        raise RefusedError("a variable that is not a name and an array")
    return name, array


def _plain_name(name: str) -> str:
    for theirs, role in _ALIASES.items():
        if name.startswith(theirs):
            return role + name.removeprefix(theirs)
    return name


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {}
    return {name: each for name, each in value.items() if isinstance(name, str)}


TENSORFLOW_NAMES: Table = {
    (module, "Network"): Empty(PickledNetwork)
    for module in ("dnnlib.tflib.network", "tfutil", "network")
}
"""The names for networks in the pickles of the TensorFlow and Theano releases."""


Form = Callable[[Tensor], Tensor]

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
        return f"synthesis.b{naming.resolution >> int(match[1])}.torgb.{_leaf(match[2])}"
    if match := _NOISE.fullmatch(variable):
        return _noise_name(int(match[1]), naming)
    if variable == "synthesis/4x4/Const/const":
        return "synthesis.b4.const" if naming.layers == "modulated" else "synthesis.b4.input.const"
    if name := _translated(variable, _GENERATOR):
        head, _, leaf = name.partition(".torgb.")
        return f"{head}.torgb.{_leaf(leaf)}" if leaf else name
    if match := _LAYER.fullmatch(variable):
        side, first, leaf = match.groups()
        part = "conv" if naming.layers == "modulated" or leaf == "weight" else "tail"
        return f"synthesis.b{side}.{part}{0 if first else 1}.{_leaf(leaf)}"
    return None


def discriminator_name(variable: str, resolution: int) -> str | None:
    """Return our name for a discriminator's variable, as "8x8/Conv0/weight"; or None."""
    if match := _FROM_RGB.fullmatch(variable):
        return f"b{resolution >> int(match[1])}.fromrgb.{match[2]}"
    return _translated(variable, _DISCRIMINATOR)


def generator_form(variable: str, naming: Naming) -> Form:
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


def _noise_name(index: int, naming: Naming) -> str:
    # without a layer on the constant, the first map is that of the second layer
    place = index + 1 if naming.layers == "modulated" else index
    part = "conv" if naming.layers == "modulated" else "tail"
    return f"synthesis.b{4 << place // 2}.{part}{place % 2}.noise_const"


def _translated(variable: str, names: Mapping[str, str]) -> str | None:
    for pattern, ours in names.items():
        if match := re.fullmatch(pattern, variable):
            return match.expand(ours)
    return None


def _leaf(name: str) -> str:
    return _LEAVES.get(name, name)
