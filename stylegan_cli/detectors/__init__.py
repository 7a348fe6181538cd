"""Networks that metrics look through: Inception, VGG16, AlexNet, MobileNetV2 and LPIPS."""

from stylegan_cli.detectors.registry import (
    FeatureDetector,
    PerceptualDetector,
    Purpose,
    default_detector,
    detector_names,
    detector_note,
    how_to_get_standard,
    is_standard,
    open_detector,
)

__all__ = [
    "FeatureDetector",
    "PerceptualDetector",
    "Purpose",
    "default_detector",
    "detector_names",
    "detector_note",
    "how_to_get_standard",
    "is_standard",
    "open_detector",
]
