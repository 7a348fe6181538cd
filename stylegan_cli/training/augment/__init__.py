"""Augmentation of what D sees, [ADA]: random transforms of images, differentiable twice."""

from stylegan_cli.training.augment.augmentation import Augmentation, augment, initial_augmentation
from stylegan_cli.training.augment.draws import Draws, draw, transforms_of

__all__ = [
    "Augmentation",
    "Draws",
    "augment",
    "draw",
    "initial_augmentation",
    "transforms_of",
]
