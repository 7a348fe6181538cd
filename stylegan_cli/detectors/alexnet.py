"""AlexNet as a detector of features: what ships in the package."""

from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.detectors.resize import resize_smooth
from stylegan_cli.detectors.trunks import ImageNetScale, alexnet
from stylegan_cli.shapes import Rgb

SIDE = 224


class AlexNetFeatures(nn.Module):
    """Mean activations of the last convolution, over images of 224×224."""

    feature_dim = 256
    resize = "bilinear-antialias-224"

    def __init__(self) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = alexnet()

    def forward(self, images: Rgb) -> Float[Tensor, "n 256"]:
        maps: Tensor = self.features(self.scale(resize_smooth(images, SIDE)))
        return maps.mean((2, 3))
