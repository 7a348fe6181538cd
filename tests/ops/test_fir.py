import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.ops import fir, reference
from tests.ops.derivatives import seeded

FORMS = [fir, reference]
every_form = pytest.mark.parametrize("form", FORMS, ids=["fast", "reference"])


def plane(rows):
    return torch.tensor(rows, dtype=torch.float64)[None, None]


def ones(side):
    return torch.ones(1, 1, side, side, dtype=torch.float64)


def triangle(x):
    # zero-padded [1, 2, 1] / 4 on both axes
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype) / 4
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def rim(corner, edge, side):
    """A plane of ones with these values at its corners and along its edges."""
    plane = torch.ones(side, side, dtype=torch.float64)
    plane[[0, -1], :] = plane[:, [0, -1]] = edge
    plane[[0, 0, -1, -1], [0, -1, 0, -1]] = corner
    return plane[None, None]


@every_form
def test_an_impulse_spreads_over_four_samples(form):
    impulse = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    impulse[..., 2, 2] = 1
    taps = torch.tensor([0, 0, 0, 0.25, 0.75, 0.75, 0.25, 0], dtype=torch.float64)
    torch.testing.assert_close(form.upsample(impulse)[0, 0], torch.outer(taps, taps))


@every_form
def test_ones_stay_ones_except_at_the_rim(form):
    torch.testing.assert_close(form.upsample(ones(4)), rim(0.5625, 0.75, 8))
    torch.testing.assert_close(form.downsample(ones(8)), rim(0.765625, 0.875, 4))


@every_form
def test_doubling_is_nearest_neighbours_blurred(form):
    x = seeded(0, 2, 3, 5, 5)
    nearest = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(form.upsample(x), triangle(nearest))


@every_form
def test_halving_is_the_mean_of_four_blurred_pixels(form):
    x = seeded(0, 2, 3, 6, 6)
    torch.testing.assert_close(form.downsample(x), F.avg_pool2d(triangle(x), 2))


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_blur_equals_the_reference(padding):
    x = seeded(0, 2, 3, 5, 7)
    expected = reference.upfirdn2d(x, padding=(padding, padding), gain=4.0)
    torch.testing.assert_close(fir.blur(x, padding, gain=4.0), expected)


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_blurring_with_the_other_padding_is_the_adjoint(padding):
    x = seeded(0, 2, 3, 5, 5)
    y = seeded(1, *fir.blur(x, padding).shape)
    torch.testing.assert_close(
        (fir.blur(x, padding) * y).sum(), (x * fir.blur(y, 3 - padding)).sum()
    )


def test_halving_is_a_quarter_of_the_adjoint_of_doubling():
    x, y = seeded(0, 2, 3, 5, 5), seeded(1, 2, 3, 10, 10)
    torch.testing.assert_close((fir.upsample(x) * y).sum(), 4 * (x * fir.downsample(y)).sum())


@pytest.mark.parametrize(
    "operation",
    [fir.upsample, fir.downsample, lambda x: fir.blur(x, 1, 4.0), lambda x: fir.blur(x, 2)],
    ids=["upsample", "downsample", "blur-1", "blur-2"],
)
def test_derivatives_are_those_of_the_operation(operation):
    x = seeded(0, 1, 2, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(operation, x)
    assert torch.autograd.gradgradcheck(operation, x)


@pytest.mark.parametrize("name", ["upsample", "downsample"])
def test_gradients_do_not_depend_on_being_differentiated_again(name):
    x = seeded(0, 2, 3, 6, 6).requires_grad_()
    y = getattr(fir, name)(x)
    (once,) = torch.autograd.grad(y.square().sum(), x, retain_graph=True)
    (again,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    assert torch.equal(once, again)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 5), (3, 8), (2, fir.WIDEST_PRODUCT + 1)])
def test_bfloat16_doubling_equals_that_in_float32(size):
    x = seeded(0, 2, 3, *size).bfloat16()
    doubled = fir.upsample(x)
    assert doubled.dtype == torch.bfloat16
    torch.testing.assert_close(doubled.float(), fir.upsample(x.float()), rtol=1e-2, atol=1e-2)


def test_the_gradient_of_bfloat16_halving_equals_that_in_float32():
    x = seeded(0, 2, 3, 6, 6).bfloat16().requires_grad_()
    dy = seeded(1, 2, 3, 3, 3).bfloat16()
    (gradient,) = torch.autograd.grad(fir.downsample(x), x, dy)
    wide = x.detach().float().requires_grad_()
    (expected,) = torch.autograd.grad(fir.downsample(wide), wide, dy.float())
    torch.testing.assert_close(gradient.float(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", ["upsample", "downsample"])
def test_channels_last_is_kept(name):
    x = seeded(0, 2, 3, 6, 6).contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16):
        y = getattr(fir, name)(x.to(dtype))
        assert y.is_contiguous(memory_format=torch.channels_last)
