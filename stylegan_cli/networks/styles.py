"""The style channels of a synthesis network: what its affine layers make of each w."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stylegan_cli.networks.generator import Generator, Synthesis
from stylegan_cli.shapes import W, Ws

Styles = Float[Tensor, "n style_channels"]
"""All style channels of an image, layer by layer: the space S of StyleSpace."""

FLAT = 1e-3
_LEVEL = re.compile(r"b(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class StyleLayer:
    """A layer that a w drives through an affine map.

    Attributes:
        w_index: The w that it takes.
        is_rgb: It makes colours of features.
        has_shift: Half of its channels are scales less 1, the others shifts, as in [SG1].
        gain: What the affine map of a prepared network is multiplied with.
    """

    name: str
    w_index: int
    is_rgb: bool
    has_shift: bool
    affine: nn.Module
    gain: float

    @property
    def channels(self) -> int:
        return len(self.matrix)

    @property
    def matrix(self) -> Float[Tensor, "style_channels w_dim"]:
        """The affine map's matrix, up to a factor."""
        weight = self.affine.weight
        assert isinstance(weight, Tensor)
        return weight


def style_layers(G: Generator) -> tuple[StyleLayer, ...]:
    """Return the layers that styles drive, in the order of the blocks, as far as G has grown.

    Empty for a network without styles. Of toRGB layers, those that take part in the image. The
    input of [SG3] is left out: its w moves and turns the picture.
    """
    found: list[StyleLayer] = []
    index = 0
    for name, layer in G.synthesis.named_modules():
        affine, level = getattr(layer, "affine", None), _LEVEL.search(name)
        if not isinstance(affine, nn.Module) or (level and int(level[1]) > G.grown_size.level):
            continue
        is_rgb = _is_rgb(name, layer)
        if not name.endswith("input"):
            found.append(
                StyleLayer(
                    name=name.removeprefix("synthesis."),
                    # a toRGB layer shares its w with the convolution that follows
                    w_index=index,
                    is_rgb=is_rgb,
                    has_shift="tail" in name,
                    affine=affine,
                    gain=getattr(affine, "gain", 1.0),
                )
            )
        index += not is_rgb
    skip = getattr(_plain(G.synthesis), "architecture", "skip") == "skip"
    return tuple(each for each in found if skip or not each.is_rgb or each is found[-1])


def styles_of(G: Generator, ws: Ws) -> Styles:
    """Return the styles that these codes lead to; scales of [SG1] with their 1 added."""
    parts: list[Tensor] = []
    for layer in style_layers(G):
        values = layer.affine(ws[:, layer.w_index]) / layer.gain
        if layer.has_shift:
            scale, shift = values.chunk(2, dim=1)
            values = torch.cat([scale + 1, shift], dim=1)
        parts.append(values)
    return torch.cat(parts, dim=1)


def style_indices(G: Generator) -> Int64[np.ndarray, " style_channels"]:
    """Return the w that drives each style channel."""
    layers = style_layers(G)
    return np.repeat([layer.w_index for layer in layers], [layer.channels for layer in layers])


def style_deviations(G: Generator, w: W) -> Float[Tensor, " style_channels"]:
    """Return the standard deviation of each style channel over these w.

    Channels that hardly vary count as if they varied by a thousandth of their layer's largest.
    """
    stds = [(layer.affine(w) / layer.gain).std(0) for layer in style_layers(G)]
    return torch.cat([w.new_zeros(0), *(std.clamp(min=FLAT * float(std.max())) for std in stds)])


@contextmanager
def moved_styles(G: Generator, offsets: Styles | None) -> Iterator[Synthesis]:
    """Give G's synthesis network with offsets added to its styles, for one batch.

    A w cannot do that: it moves all channels of a layer at once, [StyleSpace] section 3.

    Args:
        offsets: One row for each image of the batch.
    """
    if offsets is None or not _acts(offsets):
        yield G.synthesis
        return
    layers = style_layers(G)
    parts = offsets.split([layer.channels for layer in layers], dim=1)
    with ExitStack() as stack:
        for layer, part in zip(layers, parts, strict=True):
            if _acts(part):
                hook = layer.affine.register_forward_hook(_adding(part * layer.gain))
                stack.callback(hook.remove)
        # a compiled one does not see hooks
        yield _plain(G.synthesis)


def _is_rgb(name: str, layer: nn.Module) -> bool:
    weight = getattr(layer, "weight", None)
    # prepared toRGB layers keep a matrix instead of a kernel
    matrix = isinstance(weight, Tensor) and weight.ndim == 2
    return name.endswith("torgb") or bool(getattr(layer, "is_rgb", matrix))


def _plain(synthesis: Synthesis) -> Synthesis:
    """Return the network in a compiled one."""
    inner = getattr(synthesis, "synthesis", synthesis)
    assert isinstance(inner, Synthesis)
    return inner


def _acts(offsets: Tensor) -> bool:
    return offsets.requires_grad or bool(offsets.any())


def _adding(part: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    return lambda module, inputs, output: output + part
