"""Detectors: networks ready to look at images, with the name and hash that results contain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stylegan_cli.detectors.inception import InceptionFeatures
from stylegan_cli.detectors.lpips import Lpips
from stylegan_cli.detectors.mobilenet import MobileNetFeatures
from stylegan_cli.detectors.trunks import AlexNetFeatures, Vgg16Features
from stylegan_cli.errors import DataError, UsageError

AnyImages = Float[Tensor, "n channels height width"] | UInt8[Tensor, "n channels height width"]
"""Bytes or floats in [0, 255]; grey or RGB."""


@dataclass(frozen=True, kw_only=True)
class FeatureDetector:
    """A network that turns images into feature vectors.

    Attributes:
        name: Used in names of results, such as `fd_alex`.
        sha256: Hash of the weights.
    """

    name: str
    sha256: str
    network: AlexNetFeatures | InceptionFeatures | MobileNetFeatures | Vgg16Features

    @property
    def feature_dim(self) -> int:
        return self.network.feature_dim

    @property
    def resize(self) -> str:
        """Return the way images are resized for the network."""
        return self.network.resize

    @property
    def tells_classes(self) -> bool:
        """Return whether the network classifies, as the Inception Score needs."""
        return isinstance(self.network, InceptionFeatures)

    @torch.no_grad()
    def features(self, images: AnyImages) -> Float[Tensor, "n feature_dim"]:
        """Return features in float32; they do not depend on the batch."""
        x = _rgb(images)
        with _in_float32(x.device):
            features: Tensor = self.network(x)
        return features

    @torch.no_grad()
    def probabilities(self, features: Float[Tensor, "n feature_dim"]) -> Float[Tensor, "n classes"]:
        """Return the class probabilities of features, as the Inception Score takes them.

        Raises:
            UsageError: The detector has no classes.
        """
        if not isinstance(self.network, InceptionFeatures):
            raise UsageError(f"`detector={self.name}`: has no classes; use inception")
        with _in_float32(features.device):
            return self.network.probabilities(features)


@dataclass(frozen=True, kw_only=True)
class PerceptualDetector:
    """A measure of how different two images look: LPIPS v0.1.

    Attributes:
        name: Used in names of results, such as `ppl_alex_w_full`.
        sha256: Hash of the weights.
        smallest: Side of the smallest images it accepts.
    """

    name: str
    sha256: str
    network: Lpips
    resize: str = "none"
    smallest: int = 32

    @torch.no_grad()
    def distance(self, a: AnyImages, b: AnyImages) -> Float[Tensor, " n"]:
        """Return distances of corresponding images.

        Raises:
            DataError: The images are too small.
        """
        left, right = self._large_enough(a), self._large_enough(b)
        with _in_float32(left.device):
            return self.network.distance(left, right)

    @torch.no_grad()
    def embed(self, images: AnyImages) -> Float[Tensor, "n values"]:
        """Return vectors whose squared Euclidean distances are those of the images.

        Raises:
            DataError: The images are too small.
        """
        x = self._large_enough(images)
        with _in_float32(x.device):
            return self.network.embed(x)

    @torch.no_grad()
    def describe(
        self, images: AnyImages
    ) -> tuple[Float[Tensor, "n values"], Float[Tensor, "n taps"]]:
        """Return vectors as `embed` does, and each channel's mean activation over the image.

        Raises:
            DataError: The images are too small.
        """
        x = self._large_enough(images)
        with _in_float32(x.device):
            return self.network.describe(x)

    def _large_enough(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        if min(height, width) < self.smallest:
            raise DataError(
                f"images of {width}×{height} are too small for LPIPS, whose layers halve them; "
                f"it takes {self.smallest}×{self.smallest} and more"
            )
        return _rgb(images)


def _rgb(images: Tensor) -> Tensor:
    if images.shape[1] not in (1, 3):
        raise DataError(f"images of {images.shape[1]} channels; detectors take grey or RGB")
    x = images.float().expand(-1, 3, -1, -1)
    return x.contiguous(memory_format=torch.channels_last)


@contextmanager
def _in_float32(device: torch.device) -> Iterator[None]:
    """Switch off mixed precision and TF32, whatever the images are computed in."""
    matmul_tf32 = torch.backends.cuda.matmul.allow_tf32
    with (
        torch.autocast(device.type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = matmul_tf32
