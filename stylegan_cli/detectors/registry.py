"""Detectors: networks that look at images for a purpose, and the weights that they take."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, overload

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stylegan_cli.detectors import (
    WEIGHTS,
    Chosen,
    FeatureDetector,
    Purpose,
    chosen_detector,
)
from stylegan_cli.detectors.inception import InceptionFeatures
from stylegan_cli.detectors.trunks import (
    Lpips,
    MeanFeatures,
    Vgg16Features,
    alexnet,
    mobilenet,
    vgg16,
)
from stylegan_cli.detectors.weights import read_weights
from stylegan_cli.errors import DataError, WeightsError

FeatureNetwork = InceptionFeatures | MeanFeatures | Vgg16Features

AnyImages = Float[Tensor, "n channels height width"] | UInt8[Tensor, "n channels height width"]
"""Bytes or floats in [0, 255]; grey or RGB."""


@dataclass(frozen=True, kw_only=True)
class PerceptualDetector:
    """A measure of how different two images look: LPIPS v0.1.

    Attributes:
        name: Used in names of results, such as `ppl_alex_w_full`.
        smallest: Side of the smallest images it accepts.
    """

    name: str
    sha256: str
    network: Lpips
    smallest: int = 32

    def distance(self, a: AnyImages, b: AnyImages) -> Float[Tensor, " n"]:
        """Return distances of corresponding images.

        Raises:
            DataError: The images are too small.
        """
        left, right = self._large_enough(a), self._large_enough(b)
        with in_float32(left.device):
            return self.network.distance(left, right)

    def embed(self, images: AnyImages) -> Float[Tensor, "n values"]:
        """Return vectors whose squared Euclidean distances are those of the images."""
        return self.describe(images)[0]

    def describe(
        self, images: AnyImages
    ) -> tuple[Float[Tensor, "n values"], Float[Tensor, "n taps"]]:
        """Return vectors as `embed` does, and each channel's mean activation over the image."""
        x = self._large_enough(images)
        with in_float32(x.device):
            return self.network.describe(x)

    def _large_enough(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        if min(height, width) < self.smallest:
            raise DataError(
                f"images of {width}×{height} are too small for LPIPS, whose layers halve them; "
                f"it takes {self.smallest}×{self.smallest} and more"
            )
        return rgb(images)


Build = Callable[[], FeatureNetwork | Lpips]
"""Builds the network of a detector without its weights."""

_FEATURES: Mapping[str, Build] = {
    "inception": InceptionFeatures,
    "vgg16": Vgg16Features,
    "alex": lambda: MeanFeatures(alexnet()),
    "mobilenet": lambda: MeanFeatures(mobilenet()),
}
_NETWORKS: Mapping[Purpose, Mapping[str, Build]] = {
    "features": _FEATURES,
    "manifold": _FEATURES,
    "distance": {"vgg16": lambda: Lpips(vgg16()), "alex": lambda: Lpips(alexnet())},
}


@overload
def open_detector(
    name: str | None, *, purpose: Literal["features", "manifold"], device: torch.device | str
) -> FeatureDetector: ...
@overload
def open_detector(
    name: str | None, *, purpose: Literal["distance"], device: torch.device | str
) -> PerceptualDetector: ...
def open_detector(
    name: str | None, *, purpose: Purpose, device: torch.device | str
) -> FeatureDetector | PerceptualDetector:
    """Open a detector, ready to look at images on a device.

    Unpublished weights that the user trusted make a detector of another name, such as
    `inception_unpublished`, which is not a standard one.

    Args:
        name: None takes the standard one if its weights are here, else the one that ships.

    Raises:
        UsageError: There is no such detector for this purpose.
        WeightsError: Its weights are missing, damaged, or those of another network.
    """
    chosen = chosen_detector(name, purpose)
    if purpose != "distance":
        detector = FeatureDetector(chosen=chosen, device=lambda: device)
        _ = detector.network  # refuses weights that do not fit
        return detector
    network = load_network(chosen, purpose, device)
    return PerceptualDetector(name=chosen.name, sha256=chosen.sha256, network=network)


def load_network(chosen: Chosen, purpose: Purpose, device: torch.device | str) -> Any:
    """Load the network of a detector with its weights, checked."""
    weights = read_weights(chosen.path)
    with torch.device("meta"):
        network = _NETWORKS[purpose][chosen.kind]()
    # AlexNet's file also has the heads that only LPIPS uses
    own = network.state_dict().keys() & weights.keys()
    tensors = {key: _as_computed(weights[key]) for key in own}
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise WeightsError(
            f"{chosen.path.stem}: the weights do not fit their network ({details}); add them again"
        ) from None
    return network.eval().requires_grad_(False).to(device)


def weights_shapes(weights: str) -> dict[str, torch.Size]:
    """Return names and shapes of all tensors that networks take of these weights."""
    with torch.device("meta"):
        states = [
            build().state_dict()
            for purpose, builds in _NETWORKS.items()
            for name, build in builds.items()
            if WEIGHTS[purpose][name] == weights
        ]
    return {
        name: tensor.shape
        for state in states
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _as_computed(tensor: Tensor) -> Tensor:
    kernel = tensor.ndim == 4
    layout = torch.channels_last if kernel else torch.contiguous_format
    return tensor.float().contiguous(memory_format=layout)


def rgb(images: AnyImages) -> Float[Tensor, "n 3 height width"]:
    """Return images as detectors take them, in the layout that they are fast in."""
    if images.shape[1] not in (1, 3):
        raise DataError(f"images of {images.shape[1]} channels; detectors take grey or RGB")
    x = images.float().expand(-1, 3, -1, -1)
    return x.contiguous(memory_format=torch.channels_last)


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """Switch off gradients, mixed precision and TF32, whatever images are computed in."""
    matmul_tf32 = torch.backends.cuda.matmul.allow_tf32
    with (
        torch.no_grad(),
        torch.autocast(device.type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = matmul_tf32
