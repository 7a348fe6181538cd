"""Generators in network pickles of [SG3]: options, tensors, and filters compared with ours."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.foreign import Taken, foreign_recipe, shapes_of, sizes
from stylegan_cli.interop.persistent_modules import PickledModule
from stylegan_cli.interop.pickles.limits import MOST_TENSORS, shown
from stylegan_cli.interop.pickles.stand_ins import PickledArray
from stylegan_cli.interop.pickles.torch_tensors import PickledTensor
from stylegan_cli.interop.shapes_of_networks import latent_values
from stylegan_cli.networks.stylegan3 import plans_of
from stylegan_cli.networks.stylegan3.filters import FILE_TOLERANCE, down_filter, up_filter

KIND = "stylegan3"
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


def is_stylegan3(G: PickledModule) -> bool:
    """Return whether a generator of a PyTorch release is StyleGAN3's."""
    return G.module("synthesis.input") is not None


def read_stylegan3(
    G: PickledModule, where: str, source: str
) -> tuple[dict[str, Taken], dict[str, object]]:
    """Return tensors by our names, which are theirs, and values of the recipe.

    Args:
        where: Name of the generator in the file.

    Raises:
        ForeignFileError: Options or filters that sgtool does not have.
    """
    found: dict[str, Taken] = {}
    filters: dict[str, PickledTensor] = {}
    for count, (name, stored) in enumerate(G.tensors()):
        if count >= MOST_TENSORS:
            raise ForeignFileError(f"{source}: more than {MOST_TENSORS:,} tensors in {where}")
        if name.endswith(_FILTERS):
            filters[name] = stored
        else:
            found[name] = Taken(f"{where}.{name}", stored)
    values = {
        "generator.family": "stylegan3",
        "generator.w_avg_beta": G.attribute("mapping", "w_avg_beta", 0.998),
        **latent_values(shapes_of(found), source),
        **dict(_options(G)),
    }
    _check_filters(values, filters, source)
    return found, values


def _options(G: PickledModule) -> Iterator[tuple[str, object]]:
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
    number = value.item() if isinstance(value, PickledArray) else value
    return float(number) if name in _FLOATS and isinstance(number, int) else number


def _check_filters(
    values: Mapping[str, object], filters: Mapping[str, PickledTensor], source: str
) -> None:
    """Compare every filter with the one that the options require."""
    expected: dict[str, Tensor] = {}
    for plan in plans_of(foreign_recipe(values, source)):
        for name, taps in zip(_FILTERS, (up_filter(plan), down_filter(plan)), strict=True):
            if taps is not None:
                expected[f"synthesis.{plan.name}.{name}"] = taps
    for name in sorted(expected.keys() ^ filters.keys()):
        there = "a filter" if name in filters else "no filter"
        raise ForeignFileError(f"{source}: {there} as {shown(name)}, unlike its options")
    for name, taps in expected.items():
        stored = filters[name]
        if stored.shape != tuple(taps.shape):
            raise ForeignFileError(
                f"{source}: {shown(name)} has the shape {sizes(stored.shape)}, but by the options "
                f"of the network it would be {sizes(taps.shape)}"
            )
        if not torch.allclose(stored.tensor().float(), taps, rtol=0, atol=FILE_TOLERANCE):
            raise ForeignFileError(
                f"{source}: {shown(name)} is not the filter of [SG3] for the options of the network"
            )
