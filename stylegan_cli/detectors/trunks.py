"""Convolutional trunks of ImageNet classifiers, with torchvision's numbers of layers."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.detectors.resize import resize_smooth, resize_tf1
from stylegan_cli.shapes import Rgb

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


ALEXNET_SIDE = 224


class AlexNetFeatures(nn.Module):
    """Mean activations of the last convolution, over images of 224×224."""

    feature_dim = 256
    resize = "bilinear-antialias-224"

    def __init__(self) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = alexnet()

    def forward(self, images: Rgb) -> Float[Tensor, "n 256"]:
        maps: Tensor = self.features(self.scale(resize_smooth(images, ALEXNET_SIDE)))
        return maps.mean((2, 3))


VGG16_SIDE = 224


class Vgg16Features(nn.Module):
    """Activations behind the second fully connected layer, after its ReLU."""

    feature_dim = 4096
    resize = "tf1-bilinear-224"

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
        maps = self.pool(self.features(self.scale(resize_tf1(images, VGG16_SIDE))))
        features: Tensor = self.classifier(maps.flatten(1))
        return features
