"""The available detectors: their purposes, weights and networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor

from stylegan_cli.detectors.detector import FeatureDetector, PerceptualDetector
from stylegan_cli.detectors.inception import InceptionFeatures
from stylegan_cli.detectors.lpips import Lpips
from stylegan_cli.detectors.mobilenet import MobileNetFeatures
from stylegan_cli.detectors.published import PUBLISHED, how_to_get
from stylegan_cli.detectors.trunks import AlexNetFeatures, Vgg16Features, alexnet, vgg16
from stylegan_cli.detectors.weights import Weights, find_weights, is_published, read_weights
from stylegan_cli.errors import UsageError, WeightsError, meant_or_all

Purpose = Literal["features", "manifold", "distance"]
"""Features for FID, KID and IS; features for precision and recall; distances for PPL."""

Network = AlexNetFeatures | InceptionFeatures | MobileNetFeatures | Vgg16Features | Lpips

SHIPPED = "alex"

STANDARD: Mapping[Purpose, str] = {
    "features": "inception",
    "manifold": "vgg16",
    "distance": "vgg16",
}


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """The parts of a detector.

    Attributes:
        weights: Name of its weights.
        build: Builds its network, without weights.
    """

    weights: str
    build: Callable[[], Network]


_FEATURES: Mapping[str, _Kind] = {
    "inception": _Kind(weights="inception", build=InceptionFeatures),
    "vgg16": _Kind(weights="vgg16", build=Vgg16Features),
    "alex": _Kind(weights="alex", build=AlexNetFeatures),
    "mobilenet": _Kind(weights="mobilenet", build=MobileNetFeatures),
}
_DISTANCES: Mapping[str, _Kind] = {
    "vgg16": _Kind(weights="lpips_vgg16", build=lambda: Lpips(vgg16())),
    "alex": _Kind(weights="alex", build=lambda: Lpips(alexnet())),
}


def detector_names(purpose: Purpose) -> tuple[str, ...]:
    """Return names of the detectors for a purpose, the standard one first."""
    return tuple(sorted(_kinds(purpose), key=lambda name: not is_standard(name, purpose)))


def is_standard(name: str, purpose: Purpose) -> bool:
    """Return whether results of this detector carry the plain name: `fid`, `precision`, `ppl`."""
    return STANDARD[purpose] == name


def default_detector(purpose: Purpose) -> str:
    """Return the standard detector where its weights are here, else the one that ships."""
    standard = STANDARD[purpose]
    return standard if find_weights(_kinds(purpose)[standard].weights) else SHIPPED


def how_to_get_standard(purpose: Purpose) -> str:
    """Return the standard detector, and the command that gets its weights, in words."""
    standard = STANDARD[purpose]
    weights = _kinds(purpose)[standard].weights
    file = next(file for file in PUBLISHED if weights in file.gives)
    size = f"about {file.megabytes} MiB, {file.licence}"
    return f"{standard} ({size}): sgtool weights fetch {file.name}"


def detector_note(name: str, purpose: Purpose) -> str:
    """Return words on a detector that is not the standard one, and how to get that; else none."""
    if is_standard(name, purpose):
        return ""
    standard = how_to_get_standard(purpose)
    return f"detector {name}, named in the results; the standard one is {standard}"


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
    name = name or default_detector(purpose)
    kinds = _kinds(purpose)
    if name not in kinds:
        known = meant_or_all(name, detector_names(purpose))
        what = "distances" if purpose == "distance" else "features"
        raise UsageError(f"`detector={name}`: no detector of {what} has that name{known}")
    path = find_weights(kinds[name].weights)
    if path is None:
        ways = how_to_get(kinds[name].weights)
        raise WeightsError(f"`detector={name}`: its weights are not here; they are {ways}")
    weights = read_weights(path)
    network = _network(kinds[name], weights).to(device)
    if not is_published(path):
        name = f"{name}_unpublished"
    if isinstance(network, Lpips):
        return PerceptualDetector(name=name, sha256=weights.sha256, network=network)
    return FeatureDetector(name=name, sha256=weights.sha256, network=network)


def _kinds(purpose: Purpose) -> Mapping[str, _Kind]:
    return _DISTANCES if purpose == "distance" else _FEATURES


def weights_shapes(weights: str) -> dict[str, torch.Size]:
    """Return names and shapes of all tensors that networks take of these weights."""
    kinds = [*_FEATURES.values(), *_DISTANCES.values()]
    with torch.device("meta"):
        states = [kind.build().state_dict() for kind in kinds if kind.weights == weights]
    return {
        name: tensor.shape
        for state in states
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _network(kind: _Kind, weights: Weights) -> Network:
    with torch.device("meta"):
        network = kind.build()
    # AlexNet's file also has the heads that only LPIPS uses
    own = network.state_dict().keys() & weights.tensors.keys()
    tensors = {name: _as_computed(weights.tensors[name]) for name in own}
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise WeightsError(
            f"{kind.weights}: the weights do not fit their network ({details}); add them again"
        ) from None
    network.eval().requires_grad_(False)
    return network


def _as_computed(tensor: Tensor) -> Tensor:
    kernel = tensor.ndim == 4
    layout = torch.channels_last if kernel else torch.contiguous_format
    return tensor.float().contiguous(memory_format=layout)
