"""A generator made ready for drawing: what is the same in every call is done once."""

import copy

import torch
from torch import nn

from stylegan_cli.networks import progan, stylegan1, stylegan2
from stylegan_cli.networks.compiled import CompiledSynthesis
from stylegan_cli.networks.frozen import progan as frozen_progan
from stylegan_cli.networks.frozen import stylegan1 as frozen1
from stylegan_cli.networks.frozen import stylegan2 as frozen2
from stylegan_cli.networks.frozen.layers import FrozenDense, FrozenSkip
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.layers import Dense, ResidualSkip
from stylegan_cli.ops import fast


def prepare(G: Generator, dtype: torch.dtype = torch.float32) -> Generator:
    """A generator that makes the same images with less work; it has no gradients.

    Gains are folded into weights, weights cast and laid out, what demodulation needs of them is
    summed, and layers work in place. The mapping network gives the same bits. Weights are copied:
    what happens to G later does not show.

    Args:
        dtype: Type of the activations from 8×8 on; in float32, images equal G's up to rounding.
    """
    operations = [module.ops for module in G.modules() if hasattr(module, "ops")]
    shared = {id(each): each for each in (*G.parameters(), *G.buffers(), *operations)}
    mapping, synthesis = copy.deepcopy((G.mapping, G.synthesis), shared)
    _freeze(mapping, torch.float32)
    _freeze(synthesis, dtype)
    if isinstance(synthesis, stylegan2.Synthesis):
        synthesis.ops = fast
    return Generator(mapping, synthesis, resolution=G.resolution, channels=G.channels)


def compiled(G: Generator, batch_size: int) -> Generator:
    """A generator whose synthesis network is compiled, for batches of this size."""
    assert not isinstance(G.synthesis, CompiledSynthesis), "once is enough"
    synthesis = CompiledSynthesis(G.synthesis, batch_size)
    return Generator(G.mapping, synthesis, resolution=G.resolution, channels=G.channels)


def _freeze(module: nn.Module, dtype: torch.dtype) -> None:
    """Put frozen layers in the places of the module's own."""
    if isinstance(module, progan.Block | stylegan1.Block | stylegan2.SynthesisBlock):
        if hasattr(module, "conv0"):
            module.dtype = dtype
        dtype = module.dtype
    for name, child in module.named_children():
        frozen = _frozen(child, dtype)
        if frozen is None:
            _freeze(child, dtype)
        else:
            setattr(module, name, frozen)


def _frozen(layer: nn.Module, dtype: torch.dtype) -> nn.Module | None:
    """The layer's twin for drawing; None for what is no layer."""
    match layer:
        case Dense():
            return FrozenDense(layer)
        case ResidualSkip():
            return FrozenSkip(layer, dtype)
        case stylegan2.SynthesisLayer():
            return frozen2.FrozenLayer(layer, dtype)
        case stylegan2.ToRGB():
            return frozen2.FrozenRGB(layer)
        case stylegan1.ConstInput():
            return frozen1.FrozenConst(layer)
        case stylegan1.Tail():
            return frozen1.FrozenTail(layer, dtype)
        case progan.LatentInput():
            return frozen_progan.FrozenInput(layer)
        case progan.Conv():
            return frozen_progan.FrozenConv(layer, dtype)
        case progan.ToRGB():
            return frozen_progan.FrozenRGB(layer)
        case progan.Tail():
            return frozen_progan.FrozenTail(layer, dtype)
    return None
