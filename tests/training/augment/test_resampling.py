import math

import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.ops import reference
from stylegan_cli.training.augment.geometry import SYM6, resample
from tests.ops.derivatives import seeded


def affine(*, angle=0.0, scale=1.0, x=0.0, y=0.0):
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    rows = [[cos, -sin, x], [sin, cos, y], [0, 0, 1]]
    return torch.tensor([rows], dtype=torch.float64)


def by_definition(images, matrices):
    """[ADA]'s steps in the plain form, with the largest margins: all there is of the mirror."""
    height, width = images.shape[2:]
    padded = F.pad(images, (width - 1, width - 1, height - 1, height - 1), "reflect")
    fine = reference.upfirdn2d(padded, SYM6, up=2, padding=(6, 5), gain=4.0)
    half = torch.tensor([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], dtype=torch.float64)
    double = torch.diag(torch.tensor([2, 2, 1], dtype=torch.float64))
    finer = half @ double @ matrices @ double.inverse() @ half.inverse()
    n, c, fine_height, fine_width = fine.shape
    shape = (n, c, 2 * (height + 6), 2 * (width + 6))
    inwards = torch.diag(torch.tensor([2 / fine_width, 2 / fine_height, 1], dtype=torch.float64))
    outwards = torch.diag(torch.tensor([shape[3] / 2, shape[2] / 2, 1], dtype=torch.float64))
    theta = (inwards @ finer @ outwards)[:, :2].expand(n, -1, -1)
    values = F.grid_sample(
        fine, F.affine_grid(theta, shape, align_corners=False), align_corners=False
    )
    return reference.upfirdn2d(values, SYM6[::-1], down=2, padding=(-1, -1))


@pytest.mark.parametrize("side", [4, 8, 33, 64])
def test_the_identity_changes_nothing(side):
    x = seeded(0, 2, 3, side, side)
    torch.testing.assert_close(resample(x, affine().expand(2, -1, -1)), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        affine(angle=0.7),
        affine(scale=1.6, x=3.3),
        affine(scale=0.5, angle=-2.0),
        affine(angle=0.3, x=-20.0, y=9.5),
        affine(scale=4.0, x=5.0),
    ],
    ids=["turned", "smaller and moved", "larger", "far away", "beyond the mirror"],
)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (20, 13)])
def test_images_are_resampled_as_defined(matrix, height, width):
    x = seeded(0, 2, 3, height, width)
    found = resample(x, matrix.expand(2, -1, -1))
    torch.testing.assert_close(found, by_definition(x, matrix), rtol=0, atol=1e-9)


def test_whole_pixels_are_moved_exactly():
    x = seeded(0, 1, 1, 12, 12)
    found = resample(x, affine(x=3, y=-2))
    torch.testing.assert_close(found[..., 2:, :9], x[..., :-2, 3:], rtol=0, atol=1e-9)


def test_what_comes_in_is_the_mirror_image():
    x = seeded(0, 1, 1, 12, 12)
    found = resample(x, affine(x=4))
    torch.testing.assert_close(found[..., 8:], x[..., 7:11].flip(-1), rtol=0, atol=1e-9)


def test_no_image_depends_on_what_others_need():
    x = seeded(0, 3, 3, 16, 16)
    matrices = torch.cat([affine(), affine(scale=3.0, angle=1.0), affine(x=1.5)])
    together = resample(x, matrices)
    alone = [resample(x[i : i + 1], matrices[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-9)
