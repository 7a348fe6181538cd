"""The parts of a peer's package that training steps need."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class PeerModel:
    """A peer's networks behind one interface.

    Attributes:
        new_generator: Builds mapping and synthesis network together.
        G: One of them.
        styles: `(n, mixed)` to the input of `images`; mixed styles come from two latents.
        logits: D's opinion of images.
        path_length_loss: Of styles and their images.
        r1_loss: Of images and their logits.
    """

    new_generator: Callable[[], nn.Module]
    G: nn.Module
    D: nn.Module
    styles: "Styles"
    images: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]
    path_length_loss: Callable[[Tensor, Tensor], Tensor]
    r1_loss: Callable[[Tensor, Tensor], Tensor]
    differs: str


@dataclass(frozen=True, kw_only=True)
class Styles:
    """One w for each layer, `[n, layers, z_dim]` or with `layers_first` `[layers, n, z_dim]`."""

    mapping: nn.Module
    z_dim: int
    layers: int
    layers_first: bool

    def __call__(self, n: int, *, mixed: bool) -> Tensor:
        parts = (self.layers // 2, self.layers - self.layers // 2) if mixed else (self.layers,)
        dim = 0 if self.layers_first else 1
        ws = [self.mapping(torch.randn(n, self.z_dim)).unsqueeze(dim) for _ in parts]
        return torch.cat([w.repeat_interleave(k, dim) for w, k in zip(ws, parts, strict=True)], dim)
