"""Detectors by purpose and name, and the weights they take.

Importing this does not load torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stylegan_cli.detectors.weights import PUBLISHED, find_weights, how_to_get, weights_header
from stylegan_cli.errors import UsageError, WeightsError, meant_or_all

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Purpose = Literal["features", "manifold", "distance"]
"""Features for FID, KID and IS; features for precision and recall; distances for PPL."""

SHIPPED = "alex"

STANDARD: Mapping[Purpose, str] = {
    "features": "inception",
    "manifold": "vgg16",
    "distance": "vgg16",
}

_SIGHT = {
    "inception": ("tf1-bilinear-299", 2048),
    "vgg16": ("tf1-bilinear-224", 4096),
    "alex": ("bilinear-antialias-224", 256),
    "mobilenet": ("bilinear-antialias-224", 1280),
}
"""The way a detector resizes images, and the length of its feature vectors."""

_FEATURES = {name: name for name in _SIGHT}
WEIGHTS: Mapping[Purpose, Mapping[str, str]] = {
    "features": _FEATURES,
    "manifold": _FEATURES,
    "distance": {"vgg16": "lpips_vgg16", "alex": "alex"},
}
"""Name of the weights of each detector, by its purpose and name."""


def detector_names(purpose: Purpose) -> tuple[str, ...]:
    """Return names of the detectors for a purpose, the standard one first."""
    return tuple(sorted(WEIGHTS[purpose], key=lambda name: not is_standard(name, purpose)))


def is_standard(name: str, purpose: Purpose) -> bool:
    """Return whether results of this detector carry the plain name: `fid`, `precision`, `ppl`."""
    return STANDARD[purpose] == name


def default_detector(purpose: Purpose) -> str:
    """Return the standard detector where its weights are here, else the one that ships."""
    standard = STANDARD[purpose]
    return standard if find_weights(WEIGHTS[purpose][standard]) else SHIPPED


def how_to_get_standard(purpose: Purpose) -> str:
    """Name the standard detector and the command that downloads its weights."""
    standard = STANDARD[purpose]
    file = next(file for file in PUBLISHED if WEIGHTS[purpose][standard] in file.gives)
    size = f"about {file.megabytes} MiB, {file.licence}"
    return f"{standard} ({size}): sgtool weights fetch {file.name}"


def detector_note(name: str, purpose: Purpose) -> str:
    """Return a note on a detector that is not the standard one, and how to get that one."""
    if is_standard(name, purpose):
        return ""
    standard = how_to_get_standard(purpose)
    return f"detector {name}, named in the results; the standard one is {standard}"


class Chosen(NamedTuple):
    """A detector, as the file of its weights describes it.

    Attributes:
        kind: Its name among all detectors.
        name: Used in names of results, such as `fd_alex`; that of weights which are not the
            published ones, but trusted, is another, such as `inception_unpublished`.
        sha256: As the file says, which is checked when the weights are loaded.
    """

    kind: str
    name: str
    path: Path
    sha256: str


def chosen_detector(name: str | None, purpose: Purpose) -> Chosen:
    """Return a detector by the header of its weights.

    Args:
        name: None takes the standard one if its weights are here, else the one that ships.

    Raises:
        UsageError: There is no such detector for this purpose.
        WeightsError: Its weights are missing.
    """
    kind = name or default_detector(purpose)
    if kind not in WEIGHTS[purpose]:
        known = meant_or_all(kind, detector_names(purpose))
        what = "distances" if purpose == "distance" else "features"
        raise UsageError(f"`detector={kind}`: no detector of {what} has that name{known}")
    weights = WEIGHTS[purpose][kind]
    path = find_weights(weights)
    if path is None:
        ways = how_to_get(weights)
        raise WeightsError(f"`detector={kind}`: its weights are not here; they are {ways}")
    header = weights_header(path)
    shown = f"{kind}_unpublished" if header.get("published") == "no" else kind
    return Chosen(kind, shown, path, header.get("sha256", ""))


@dataclass(frozen=True, kw_only=True)
class FeatureDetector:
    """A network that turns images into feature vectors, loaded when it looks at the first ones."""

    chosen: Chosen
    device: "Callable[[], torch.device | str]"

    @property
    def name(self) -> str:
        return self.chosen.name

    @property
    def sha256(self) -> str:
        return self.chosen.sha256

    @property
    def feature_dim(self) -> int:
        return _SIGHT[self.chosen.kind][1]

    @property
    def facts(self) -> dict[str, str]:
        """Return name, hash and way of resizing, for the records of results."""
        resize, _ = _SIGHT[self.chosen.kind]
        return {"detector": self.name, "detector_sha256": self.sha256, "resize": resize}

    @property
    def tells_classes(self) -> bool:
        """Return whether the network classifies, as the Inception Score needs."""
        return self.chosen.kind == "inception"

    @cached_property
    def network(self) -> Any:
        from stylegan_cli.detectors.registry import load_network

        return load_network(self.chosen, "features", self.device())

    def features(self, images: "Tensor") -> "Tensor":
        """Return a row per image in float32, which does not depend on the others.

        Args:
            images: Bytes or floats in [0, 255]; grey or RGB.
        """
        from stylegan_cli.detectors.registry import in_float32, rgb

        x = rgb(images)
        with in_float32(x.device):
            found: Tensor = self.network(x)
        return found

    def probabilities(self, features: "Tensor") -> "Tensor":
        """Return the class probabilities of features, as the Inception Score takes them.

        Raises:
            UsageError: The detector has no classes.
        """
        from stylegan_cli.detectors.registry import in_float32

        if not self.tells_classes:
            raise UsageError(f"`detector={self.name}`: has no classes; use inception")
        with in_float32(features.device):
            found: Tensor = self.network.probabilities(features)
        return found
