"""VGG16 as a detector of features, for precision and recall."""

from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.detectors.resize import resize_tf1
from stylegan_cli.detectors.trunks import ImageNetScale, vgg16
from stylegan_cli.shapes import Rgb

SIDE = 224


class Vgg16Features(nn.Module):
    """Activations behind the second fully connected layer, after its ReLU."""

    feature_dim = 4096
    resize = "tf1-bilinear-224"

    def __init__(self) -> None:
        super().__init__()
        self.scale = ImageNetScale()
        self.features = vgg16()
        self.pool = nn.MaxPool2d(2)
        # the dropouts between keep torchvision's numbers and do nothing outside training
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()
        )

    def forward(self, images: Rgb) -> Float[Tensor, "n 4096"]:
        maps = self.pool(self.features(self.scale(resize_tf1(images, SIDE))))
        features: Tensor = self.classifier(maps.flatten(1))
        return features
