"""Networks that see: Inception, VGG16, AlexNet, MobileNetV2 and LPIPS; where weights come from."""

from stylegan_cli.detectors.detector import FeatureDetector, PerceptualDetector
from stylegan_cli.detectors.registry import (
    Purpose,
    default_detector,
    detector_names,
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
    "how_to_get_standard",
    "is_standard",
    "open_detector",
]
