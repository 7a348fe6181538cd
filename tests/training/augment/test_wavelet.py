import pytest
import torch

from stylegan_cli.ops import reference
from stylegan_cli.training.augment.geometry import REACH, SYM6, double, halve
from tests.ops.derivatives import seeded

SIZES = pytest.mark.parametrize(("height", "width"), [(1, 2), (5, 7), (31, 70), (100, 33)])


@SIZES
def test_doubling_is_upsampling_with_sym6(height, width):
    x = seeded(0, 2, 3, height, width)
    expected = reference.upfirdn2d(x, SYM6, up=2, padding=(6, 5), gain=4.0)
    torch.testing.assert_close(double(x), expected)


def test_halving_is_downsampling_with_the_reversed_filter():
    x = seeded(0, 2, 3, 40, 28)
    expected = reference.upfirdn2d(x, SYM6[::-1], down=2, padding=(-1, -1))
    torch.testing.assert_close(halve(x)[..., REACH:-REACH, REACH:-REACH], expected)


@SIZES
def test_halving_is_a_quarter_of_the_adjoint_of_doubling(height, width):
    x, y = seeded(0, 2, 3, height, width), seeded(1, 2, 3, 2 * height, 2 * width)
    torch.testing.assert_close((double(x) * y).sum(), 4 * (x * halve(y)).sum())


def test_halving_gives_the_doubled_image_back():
    x = seeded(0, 1, 1, 30, 50)
    inner = (..., slice(5, -5), slice(5, -5))
    torch.testing.assert_close(halve(double(x))[inner], x[inner], rtol=0, atol=1e-9)


@pytest.mark.parametrize("operation", [double, halve])
def test_derivatives_are_those_of_the_operation(operation):
    x = seeded(0, 1, 2, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(operation, x)
    assert torch.autograd.gradgradcheck(operation, x)
