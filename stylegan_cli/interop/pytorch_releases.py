"""Network pickles of the PyTorch releases, [ADA] and [SG3], as the data they hold.

Such a pickle carries the source text of its modules; it is dropped unread.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeGuard

import torch
from torch import Tensor

from stylegan_cli.interop.foreign import (
    NVIDIA_SOURCE_LICENCE,
    Foreign,
    Taken,
    assemble,
    deviation_groups,
    discriminator_if_possible,
    foreign_recipe,
    shapes_of,
    sizes,
)
from stylegan_cli.interop.pickles import (
    MOST_TENSORS,
    RefusedError,
    UnsupportedError,
    shown,
    shown_value,
)
from stylegan_cli.interop.pickles.machine import Table
from stylegan_cli.interop.pickles.stand_ins import named, number
from stylegan_cli.interop.pickles.torch_tensors import PickledTensor
from stylegan_cli.interop.shapes_of_networks import (
    discriminator_values,
    generator_values,
    label_length,
    latent_values,
)
from stylegan_cli.interop.tensor_maps import released
from stylegan_cli.networks.bands import FILE_TOLERANCE, down_filter, plans_of, up_filter

_USED = {"D", "G_ema", "training_set_kwargs"}
_OPTIONS = {
    "channel_base": "generator.channel_base",
    "channel_max": "generator.channel_max",
    "conv_kernel": "generator.kernel",
    "use_radial_filters": "generator.radial_filters",
    "conv_clamp": "generator.conv_clamp",
    "img_resolution": "data.resolution",
    "img_channels": "data.channels",
    "num_layers": "bands.layers",
    "num_critical": "bands.critical",
    "first_cutoff": "bands.first_cutoff",
    "first_stopband": "bands.first_stopband",
    "last_stopband_rel": "bands.last_stopband",
    "margin_size": "bands.margin",
    "filter_size": "bands.filter_size",
    "lrelu_upsampling": "bands.upsampling",
    "output_scale": "bands.output_scale",
}
"""Keys of ours for the options that the program records."""
_FLOATS = ("conv_clamp", "first_cutoff", "first_stopband", "last_stopband_rel", "output_scale")
_FILTERS = ("up_filter", "down_filter")


class PickledModule:
    """A module: its class's name, its attributes and its submodules."""

    def __init__(self, meta: object) -> None:
        if not isinstance(meta, dict) or meta.get("type") != "class":
            raise RefusedError("an object that is not a module")
        name, state = meta.get("class_name"), meta.get("state")
        if not isinstance(name, str) or not isinstance(state, dict):
            raise RefusedError("a module without a name or a state")
        self.class_name, self.state = name, state

    def held(self) -> Collection[object]:
        return (self.state,)

    def tensors(self, prefix: str = "") -> Iterator[tuple[str, PickledTensor]]:
        """Yield names and tensors, as in the state dict of the live module."""
        for group in ("_parameters", "_buffers"):
            for name, value in named(self.state.get(group)).items():
                if isinstance(value, PickledTensor):
                    yield prefix + name, value
        for name, module in self.modules().items():
            yield from module.tensors(f"{prefix}{name}.")

    def modules(self) -> Mapping[str, "PickledModule"]:
        inner = named(self.state.get("_modules"))
        return {name: each for name, each in inner.items() if isinstance(each, PickledModule)}

    def module(self, path: str) -> "PickledModule | None":
        """Return the module at a dotted path, "" for this one; or None."""
        here: PickledModule | None = self
        for step in filter(None, path.split(".")):
            here = here.modules().get(step) if here else None
        return here

    def attribute(self, path: str, name: str, default: object = None) -> object:
        """Return an attribute of the module at a dotted path, NumPy numbers as Python's."""
        module = self.module(path)
        return number(module.state.get(name, default) if module else default)


PERSISTENCE_NAMES: Table = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): PickledModule,
}
"""The name for modules in the pickles of the PyTorch releases."""


def is_pytorch_release(root: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a pickle holds the networks of a PyTorch release."""
    return isinstance(root, dict) and isinstance(root.get("G_ema"), PickledModule)


def read_pytorch_release(root: Mapping[str, object], source: str) -> Foreign:
    """Read the networks in a pickle of a PyTorch release."""
    G, D = root["G_ema"], root.get("D")
    assert isinstance(G, PickledModule)
    is_stylegan3 = G.module("synthesis.input") is not None
    if is_stylegan3:
        generator, values = _stylegan3(G)
    else:
        generator = released(_tensors(G, "G_ema"), "G_ema.")
        values = generator_values(shapes_of(generator)) | _generator_options(G)
    discriminator, d_values, notes = discriminator_if_possible(
        D if isinstance(D, PickledModule) else None, _discriminator
    )
    options = root.get("training_set_kwargs")
    path = options.get("path") if isinstance(options, dict) else None
    return assemble(
        source,
        foreign_recipe({**values, **d_values}, source),
        label_length(shapes_of(generator)),
        generator=generator,
        discriminator=discriminator,
        kind="stylegan3" if is_stylegan3 else "stylegan2-ada-pytorch",
        unused=tuple(shown(str(key)) for key in root if key not in _USED),
        licence=NVIDIA_SOURCE_LICENCE,
        provenance={"data": shown(path) if isinstance(path, str) else "unknown"},
        notes=notes,
    )


def _tensors(network: PickledModule, where: str) -> Iterator[tuple[str, PickledTensor]]:
    for count, pair in enumerate(network.tensors()):
        if count >= MOST_TENSORS:
            raise UnsupportedError(f"more than {MOST_TENSORS:,} tensors in {where}")
        yield pair


def _generator_options(G: PickledModule) -> dict[str, object]:
    _check_lrelu(G, ("mapping.fc0", "synthesis.b4.conv1"))
    if G.attribute("synthesis.b4.conv1", "use_noise", True) is not True:
        raise UnsupportedError("layers without noise inputs, which sgtool does not support")
    return {
        "generator.conv_clamp": G.attribute("synthesis.b4.conv1", "conv_clamp"),
        "generator.w_avg_beta": G.attribute("mapping", "w_avg_beta", 0.995),
        **_multiplier("generator", G),
    }


def _discriminator(D: PickledModule) -> tuple[Mapping[str, Taken], Mapping[str, object]]:
    """Return tensors by our names, which are theirs, and values of the recipe."""
    found = released(_tensors(D, "D"), "D.")
    _check_lrelu(D, ("b4.conv", "b4.fc", "mapping.fc0"))
    options: dict[str, object] = {
        **discriminator_values(shapes_of(found)),
        "discriminator.conv_clamp": D.attribute("b4.conv", "conv_clamp"),
        **deviation_groups(D.attribute("b4.mbstd", "group_size", 4)),
    }
    if mapping := D.module("mapping"):
        layers = sum(name.startswith("fc") for name in mapping.modules())
        options["discriminator.mapping_layers"] = layers
        options |= _multiplier("discriminator", D)
    return found, options


def _multiplier(section: str, network: PickledModule) -> dict[str, object]:
    """Return the learning-rate multiplier of the mapping network, which scales its biases."""
    found = network.attribute("mapping.fc0", "bias_gain")
    return {f"{section}.mapping_lr_multiplier": found} if found is not None else {}


def _check_lrelu(network: PickledModule, layers: Iterable[str]) -> None:
    for layer in layers:
        activation = network.attribute(layer, "activation", "lrelu")
        if activation != "lrelu":
            raise UnsupportedError(
                f"{layer} has the activation {shown_value(activation)}; "
                "sgtool supports leaky ReLU only"
            )


def _stylegan3(G: PickledModule) -> tuple[dict[str, Taken], dict[str, object]]:
    """Return tensors by our names, which are theirs, and values of the recipe."""
    tensors = dict(_tensors(G, "G_ema"))
    filters = {name: tensors.pop(name) for name in list(tensors) if name.endswith(_FILTERS)}
    found = {name: Taken(f"G_ema.{name}", stored) for name, stored in tensors.items()}
    values = {
        "generator.family": "stylegan3",
        "generator.w_avg_beta": G.attribute("mapping", "w_avg_beta", 0.998),
        **latent_values(shapes_of(found)),
        **dict(_stylegan3_options(G)),
        **_multiplier("generator", G),
    }
    _check_stylegan3_filters(values, filters)
    return found, values


def _stylegan3_options(G: PickledModule) -> Iterator[tuple[str, object]]:
    """Yield recorded options, from the module that took them or from one it passed them to."""
    yield "generator.conv_clamp", 256.0
    synthesis = G.module("synthesis")
    for module in (G, synthesis):
        given = module.state.get("_init_kwargs") if module else None
        for name, value in given.items() if isinstance(given, dict) else ():
            if name in _OPTIONS:
                yield _OPTIONS[name], _plain(name, value)
    for name in ("num_layers", "num_critical", "margin_size", "output_scale", "img_resolution"):
        value = G.attribute("synthesis", name)
        if value is not None:
            yield _OPTIONS[name], _plain(name, value)


def _plain(name: str, value: object) -> object:
    plain = number(value)
    return float(plain) if name in _FLOATS and isinstance(plain, int) else plain


def _check_stylegan3_filters(
    values: Mapping[str, object], filters: Mapping[str, PickledTensor]
) -> None:
    """Compare every filter with the one that the options require."""
    expected: dict[str, Tensor] = {}
    for plan in plans_of(foreign_recipe(values)):
        for name, taps in zip(_FILTERS, (up_filter(plan), down_filter(plan)), strict=True):
            if taps is not None:
                expected[f"synthesis.{plan.name}.{name}"] = taps
    for name in sorted(expected.keys() ^ filters.keys()):
        there = "a filter" if name in filters else "no filter"
        raise UnsupportedError(f"{there} as {shown(name)}, unlike its options")
    for name, taps in expected.items():
        stored = filters[name]
        if stored.shape != tuple(taps.shape):
            raise UnsupportedError(
                f"{shown(name)} has the shape {sizes(stored.shape)}, but by the options "
                f"of the network it would be {sizes(taps.shape)}"
            )
        if not torch.allclose(stored.tensor().float(), taps, rtol=0, atol=FILE_TOLERANCE):
            raise UnsupportedError(
                f"{shown(name)} is not the filter of [SG3] for the options of the network"
            )
