"""The pipeline beside the original's, all random numbers at one percentile."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.training.augment import augment, transforms_of
from tests.networks.vectors import deviation
from tests.training.augment.percentiles import draws_at

FILE = Path(__file__).parents[2] / "reference" / "ada_augment.npz"
VECTORS = {name: torch.tensor(array) for name, array in np.load(FILE, allow_pickle=False).items()}
NAMES = {
    "xflip": "x_flip",
    "xint": "x_int",
    "xfrac": "x_frac",
    "lumaflip": "luma_flip",
    "imgfilter": "filter",
}


def augmented(images, transforms, percentile):
    return augment(images, draws_at(float(percentile), len(images)), transforms, 1.0)


@pytest.mark.parametrize("key", [key for key in VECTORS if key.startswith("op/")])
def test_each_transform_is_the_originals(key):
    _, name, percentile = key.split("/")
    found = augmented(VECTORS["images"], {NAMES.get(name, name)}, percentile)
    assert deviation(found, VECTORS[key]) < 1e-4


@pytest.mark.parametrize("percentile", ["0.2", "0.45", "0.9"])
def test_geometry_and_colours_together_are_the_originals(percentile):
    found = augmented(VECTORS["images"], transforms_of("bgc"), percentile)
    assert deviation(found, VECTORS[f"bgc/{percentile}"]) < 1e-4


@pytest.mark.parametrize("percentile", ["0.2", "0.45", "0.9"])
def test_grey_images_are_the_originals(percentile):
    transforms = {"scale", "brightness", "contrast", "luma_flip"}
    found = augmented(VECTORS["gray_images"], transforms, percentile)
    assert deviation(found, VECTORS[f"gray/{percentile}"]) < 1e-4


def test_the_gradient_is_the_originals():
    images = VECTORS["images"].clone().requires_grad_()
    loss = (augmented(images, transforms_of("bgc"), 0.3) * VECTORS["bgc_grad_weight"]).sum()
    (gradient,) = torch.autograd.grad(loss, images)
    assert deviation(gradient, VECTORS["bgc_grad_0.3"]) < 1e-3
