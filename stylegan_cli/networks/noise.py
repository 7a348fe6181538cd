"""Noise inputs of synthesis networks, one random stream per image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    Tensor = Any  # the names of modes are needed before torch is imported

NoiseMode = Literal["const", "random", "none"]
NOISE_MODES: tuple[NoiseMode, ...] = ("none", "const", "random")
"""Modes in the order in which tables of codes number them."""
NoiseInput = Literal["const", "none"] | Sequence[Tensor]
"""Input of a synthesis network: its own maps, none, or these."""


@runtime_checkable
class NoiseLayer(Protocol):
    """Layer with a noise input.

    Attributes:
        noise_const: The network's own map, `[r, r]`.
        noise_strength: Factor of the noise, one number or one per channel.
    """

    noise_const: Tensor
    noise_strength: Tensor


def noise_layers(network: "nn.Module") -> list[NoiseLayer]:
    """List the layers with noise inputs, from coarse to fine."""
    return [layer for layer in network.modules() if isinstance(layer, NoiseLayer)]


def noise_maps(
    resolutions: Sequence[int], seeds: Sequence[int], device: "torch.device"
) -> list[Tensor]:
    """Draw standard normal maps `[n, 1, r, r]`, one per layer; image i depends on seeds[i] only.

    Args:
        resolutions: Side of the map of each noise layer, from coarse to fine.
        seeds: One seed per image.
    """
    import torch

    sizes = [side * side for side in resolutions]
    rows = [
        torch.randn(sum(sizes), generator=torch.Generator(device).manual_seed(seed), device=device)
        for seed in seeds
    ]
    flat = torch.stack(rows).split(sizes, dim=1)
    return [part.reshape(-1, 1, side, side) for part, side in zip(flat, resolutions, strict=True)]
