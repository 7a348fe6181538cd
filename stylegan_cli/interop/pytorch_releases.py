"""Network pickles of the PyTorch releases, [ADA] and [SG3]."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop import stylegan3_release
from stylegan_cli.interop.foreign import (
    NVIDIA_SOURCE_LICENCE,
    WHOLE_BATCH,
    Foreign,
    Taken,
    assemble,
    foreign_recipe,
    left_out,
    shapes_of,
)
from stylegan_cli.interop.persistent_modules import PickledModule
from stylegan_cli.interop.pickles.limits import MOST_TENSORS, shown, shown_value
from stylegan_cli.interop.pickles.torch_tensors import PickledTensor
from stylegan_cli.interop.shapes_of_networks import (
    discriminator_values,
    generator_values,
    label_length,
)
from stylegan_cli.interop.stylegan3_release import is_stylegan3, read_stylegan3
from stylegan_cli.ops.reference import FILTER

KIND = "stylegan2-ada-pytorch"
_USED = {"D", "G_ema", "training_set_kwargs"}


def is_pytorch_release(root: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a pickle holds the networks of a PyTorch release."""
    return isinstance(root, dict) and isinstance(root.get("G_ema"), PickledModule)


def read_pytorch_release(root: Mapping[str, object], source: str) -> Foreign:
    """Read the networks in a pickle of a PyTorch release.

    Raises:
        ForeignFileError: Options or tensors that are not those of StyleGAN2 or StyleGAN3.
    """
    G, D = root["G_ema"], root.get("D")
    assert isinstance(G, PickledModule)
    if is_stylegan3(G):
        generator, values = read_stylegan3(G, "G_ema", source)
        values |= _multiplier("generator", G)
        kind = stylegan3_release.KIND
    else:
        generator, kind = _taken(G, "G_ema", source), KIND
        values = generator_values(shapes_of(generator), source) | _generator_options(G, source)
    discriminator, d_values, notes = _discriminator(D, source)
    return assemble(
        source,
        foreign_recipe({"title": Path(source).stem, **values, **d_values}, source),
        label_length(shapes_of(generator)),
        generator=generator,
        discriminator=discriminator,
        kind=kind,
        unused=tuple(shown(str(key)) for key in root if key not in _USED),
        licence=NVIDIA_SOURCE_LICENCE,
        provenance={"data": _data_set(root.get("training_set_kwargs"))},
        notes=notes,
    )


def _discriminator(
    D: object, source: str
) -> tuple[dict[str, Taken] | None, dict[str, object], tuple[str, ...]]:
    """Return tensors, values of the recipe, and notes; no tensors if ours cannot hold it."""
    if not isinstance(D, PickledModule):
        return None, {}, ()
    try:
        found = _taken(D, "D", source)
        values = discriminator_values(shapes_of(found), source)
        return found, values | _discriminator_options(D, source), ()
    except ForeignFileError as error:
        return None, {}, (left_out(error, source),)


def _taken(network: PickledModule, where: str, source: str) -> dict[str, Taken]:
    """Return tensors by our names, which are theirs; the filters are checked and left out."""
    found = {}
    for count, (name, stored) in enumerate(network.tensors()):
        if count >= MOST_TENSORS:
            raise ForeignFileError(f"{source}: more than {MOST_TENSORS:,} tensors in {where}")
        if name.endswith("resample_filter"):
            _check_filter(stored, f"{where}.{name}", source)
            continue
        # the releases store upsampling kernels reversed
        is_reversed = re.fullmatch(r"synthesis\.b\d+\.conv0\.weight", name) is not None
        found[name] = Taken(f"{where}.{name}", stored, _flipped if is_reversed else _same)
    return found


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _flipped(tensor: Tensor) -> Tensor:
    return tensor.flip((2, 3))


def _check_filter(stored: PickledTensor, name: str, source: str) -> None:
    taps = torch.tensor(FILTER) / sum(FILTER)
    if stored.shape != (4, 4) or not torch.allclose(stored.tensor(), taps.outer(taps), atol=1e-6):
        raise ForeignFileError(
            f"{source}: {shown(name)} is not the filter 1, 3, 3, 1, the only one sgtool supports"
        )


def _generator_options(G: PickledModule, source: str) -> dict[str, object]:
    _check_lrelu(G, ("mapping.fc0", "synthesis.b4.conv1"), source)
    if G.attribute("synthesis.b4.conv1", "use_noise", True) is not True:
        raise ForeignFileError(
            f"{source}: layers without noise inputs, which sgtool does not support"
        )
    return {
        "generator.conv_clamp": G.attribute("synthesis.b4.conv1", "conv_clamp"),
        "generator.w_avg_beta": G.attribute("mapping", "w_avg_beta", 0.995),
        **_multiplier("generator", G),
    }


def _discriminator_options(D: PickledModule, source: str) -> dict[str, object]:
    _check_lrelu(D, ("b4.conv", "b4.fc", "mapping.fc0"), source)
    group = D.attribute("b4.mbstd", "group_size", 4) or WHOLE_BATCH
    options: dict[str, object] = {
        "discriminator.conv_clamp": D.attribute("b4.conv", "conv_clamp"),
        "discriminator.mbstd_group_size": group,
    }
    if isinstance(group, int):
        options["train.batch_size"] = math.lcm(group, 32)
    if mapping := D.module("mapping"):
        layers = sum(name.startswith("fc") for name in mapping.modules())
        options["discriminator.mapping_layers"] = layers
        options |= _multiplier("discriminator", D)
    return options


def _multiplier(section: str, network: PickledModule) -> dict[str, object]:
    """Return the learning-rate multiplier of the mapping network, which scales its biases."""
    found = network.attribute("mapping.fc0", "bias_gain")
    return {f"{section}.mapping_lr_multiplier": found} if found is not None else {}


def _check_lrelu(network: PickledModule, layers: Iterable[str], source: str) -> None:
    for layer in layers:
        activation = network.attribute(layer, "activation", "lrelu")
        if activation != "lrelu":
            raise ForeignFileError(
                f"{source}: {layer} has the activation {shown_value(activation)}; "
                "sgtool supports leaky ReLU only"
            )


def _data_set(options: object) -> str:
    path = options.get("path") if isinstance(options, dict) else None
    return shown(path) if isinstance(path, str) else "unknown"
