"""LPIPS v0.1, the perceptual distance of two images: Zhang et al., CVPR 2018."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.detectors.trunks import ImageNetScale, Trunk, tap_channels
from stylegan_cli.shapes import Rgb

EPSILON = 1e-10


class Lpips(nn.Module):
    """Weighted squared distance between the activations of a trunk, each of unit length.

    Images are not resized; their scale is that of LPIPS, which for [0, 255] is ImageNet's.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = trunk
        self.heads = nn.ParameterList(torch.ones(channels) for channels in tap_channels(trunk))

    def distance(self, a: Rgb, b: Rgb) -> Float[Tensor, " n"]:
        """Return distances of corresponding images."""
        total = a.new_zeros(len(a), dtype=torch.float32)
        for unit_a, unit_b, head in zip(self._units(a), self._units(b), self.heads, strict=True):
            squares = F.conv2d((unit_a - unit_b).square(), head[None, :, None, None])
            total = total + squares.mean((1, 2, 3))
        return total

    def embed(self, images: Rgb) -> Float[Tensor, "n values"]:
        """Return vectors whose squared Euclidean distance is the LPIPS distance."""
        return self.describe(images)[0]

    def describe(self, images: Rgb) -> tuple[Float[Tensor, "n values"], Float[Tensor, "n taps"]]:
        """Return vectors as `embed` does, and each channel's mean activation over the image."""
        embedded, pooled = [], []
        for unit, head in zip(self._units(images), self.heads, strict=True):
            scale = (head / unit[0, 0].numel()).sqrt()
            embedded.append((unit * scale[:, None, None]).flatten(1))
            pooled.append(unit.mean((2, 3)))
        return torch.cat(embedded, dim=1), torch.cat(pooled, dim=1)

    def _units(self, images: Tensor) -> Iterator[Tensor]:
        for activation in self.features.activations(self.scale(images)):
            yield activation / (activation.norm(dim=1, keepdim=True) + EPSILON)
