"""Detectors by purpose and name, and the weights they take.

Importing this does not load torch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from stylegan_cli.detectors.weights import PUBLISHED, find_weights, how_to_get
from stylegan_cli.errors import UsageError, WeightsError, meant_or_all

Purpose = Literal["features", "manifold", "distance"]
"""Features for FID, KID and IS; features for precision and recall; distances for PPL."""

SHIPPED = "alex"

STANDARD: Mapping[Purpose, str] = {
    "features": "inception",
    "manifold": "vgg16",
    "distance": "vgg16",
}

_FEATURES = {name: name for name in ("inception", "vgg16", "alex", "mobilenet")}
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


def chosen_detector(name: str | None, purpose: Purpose) -> tuple[str, Path]:
    """Return the name of a detector, and the file of its weights.

    Args:
        name: None takes the standard one if its weights are here, else the one that ships.

    Raises:
        UsageError: There is no such detector for this purpose.
        WeightsError: Its weights are missing.
    """
    name = name or default_detector(purpose)
    if name not in WEIGHTS[purpose]:
        known = meant_or_all(name, detector_names(purpose))
        what = "distances" if purpose == "distance" else "features"
        raise UsageError(f"`detector={name}`: no detector of {what} has that name{known}")
    weights = WEIGHTS[purpose][name]
    path = find_weights(weights)
    if path is None:
        ways = how_to_get(weights)
        raise WeightsError(f"`detector={name}`: its weights are not here; they are {ways}")
    return name, path
