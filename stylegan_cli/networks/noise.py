"""Noise inputs of synthesis networks, one random stream per image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    Tensor = Any  # the names of modes are needed before torch is imported

from stylegan_cli.sizes import Size

NoiseMode = Literal["const", "random", "none"]
NOISE_MODES: tuple[NoiseMode, ...] = ("none", "const", "random")
"""Modes in the order in which tables of codes number them."""
NoiseInput = Literal["const", "none"] | Sequence[Tensor]
"""Input of a synthesis network: its own maps, none, or these."""


@runtime_checkable
class NoiseLayer(Protocol):
    """Layer with a noise input.

    Attributes:
        noise_const: The network's own map, `[h, w]`.
        noise_strength: Factor of the noise, one number or one per channel.
    """

    noise_const: Tensor
    noise_strength: Tensor


def noise_layers(network: "nn.Module") -> list[NoiseLayer]:
    """List the layers with noise inputs, from coarse to fine."""
    return [layer for layer in network.modules() if isinstance(layer, NoiseLayer)]


def noise_maps(sizes: Sequence[Size], seeds: Sequence[int], device: "torch.device") -> list[Tensor]:
    """Draw standard normal maps `[n, 1, h, w]`, one per layer; image i depends on seeds[i] only.

    Args:
        sizes: Size of the map of each noise layer, from coarse to fine.
    """
    import torch

    areas = [size.area for size in sizes]
    rows = [
        torch.randn(sum(areas), generator=torch.Generator(device).manual_seed(seed), device=device)
        for seed in seeds
    ]
    flat = torch.stack(rows).split(areas, dim=1)
    return [part.reshape(-1, 1, *size.shape) for part, size in zip(flat, sizes, strict=True)]
