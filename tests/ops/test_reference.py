import math

import numpy as np
import pytest
import torch

from stylegan_cli.ops import reference
from tests.ops.derivatives import seeded


def filtered_line(line, taps, up, down, padding):
    """The operator's definition on one axis, sample by sample."""
    taps = [tap / sum(taps) for tap in taps]
    stuffed = {i * up: value for i, value in enumerate(line)}
    before, behind = padding
    length = len(line) * up + before + behind
    # a position outside of the stuffed line is zero: padding, or not there when cropped
    positions = range(0, length - len(taps) + 1, down)
    return [
        sum(tap * stuffed.get(m + len(taps) - 1 - k - before, 0.0) for k, tap in enumerate(taps))
        for m in positions
    ]


def filtered(image, taps, up, down, padding):
    rows = np.array([filtered_line(row, taps, up, down, padding) for row in image])
    return np.array([filtered_line(column, taps, up, down, padding) for column in rows.T]).T


@pytest.mark.parametrize("padding", [(0, 0), (2, 1), (0, 3), (-1, 2), (1, -2), (-2, -1)])
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 3), (3, 2)])
@pytest.mark.parametrize("taps", [(1.0, 3.0, 3.0, 1.0), (1.0, 2.0, 5.0), (-1.0, 4.0)])
def test_upfirdn2d_equals_its_definition(taps, up, down, padding):
    x = seeded(0, 2, 2, 7, 8)
    y = reference.upfirdn2d(x, taps, up=up, down=down, padding=padding, gain=1.5)
    for sample, channel in np.ndindex(2, 2):
        expected = 1.5 * filtered(x[sample, channel].numpy(), taps, up, down, padding)
        np.testing.assert_allclose(y[sample, channel].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_upfirdn2d_convolves_so_an_impulse_shows_the_filter_as_written():
    impulse = torch.zeros(1, 1, 1, 5)
    impulse[..., 2] = 1
    row = reference.upfirdn2d(impulse, (1.0, 2.0, 5.0), padding=(1, 1))[0, 0, 0]
    assert (row / row.sum()).tolist() == pytest.approx([0, 1 / 8, 2 / 8, 5 / 8, 0])


@pytest.mark.parametrize(("gain", "clamp"), [(1.0, None), (0.5, None), (0.5, 1.2)])
def test_activation_adds_bias_then_rectifies_then_scales_then_clamps(gain, clamp):
    x, bias = seeded(0, 2, 3, 4, 4), seeded(1, 3)
    y = reference.bias_act(x, bias, gain=gain, clamp=clamp)
    for value, result in zip((x + bias[:, None, None]).flatten(), y.flatten(), strict=True):
        expected = math.sqrt(2) * gain * (value if value > 0 else 0.2 * value)
        limit = math.inf if clamp is None else clamp * gain
        assert result.item() == pytest.approx(min(max(expected.item(), -limit), limit))


def test_a_linear_layer_has_no_gain_of_its_own():
    x = seeded(0, 2, 3, 4, 4)
    assert torch.equal(reference.bias_act(x, None, lrelu=False), x)


def test_demodulation_forgets_the_size_of_weights_and_styles():
    x, weight, style, bias = (
        seeded(i, *shape) for i, shape in enumerate([(2, 3, 5, 5), (4, 3, 3, 3), (2, 3), (4,)])
    )
    y = reference.styled_conv(x, weight, style, None, bias)
    torch.testing.assert_close(reference.styled_conv(x, 7 * weight, style, None, bias), y)
    torch.testing.assert_close(reference.styled_conv(x, weight, 7 * style, None, bias), y)


def test_demodulated_weights_have_length_1():
    impulse = torch.zeros(1, 3, 5, 5, dtype=torch.float64)
    impulse[:, 1, 2, 2] = 1
    weight, style = seeded(1, 4, 3, 3, 3), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    positive = weight.abs()  # so that the activation is linear
    y = reference.styled_conv(impulse, positive, style, None, torch.zeros(4, dtype=torch.float64))
    energy = (y / math.sqrt(2)).square().sum((0, 2, 3))
    torch.testing.assert_close(energy, torch.ones(4, dtype=torch.float64))


def test_unit_variance_in_gives_unit_variance_out():
    x, weight, style = seeded(0, 2, 16, 32, 32), seeded(1, 16, 16, 3, 3), 1 + seeded(2, 2, 16)
    y = reference.styled_conv(x, weight, style, None, torch.zeros(16, dtype=torch.float64))
    assert y[..., 1:-1, 1:-1].square().mean().item() == pytest.approx(1.04, rel=0.05)


def test_an_image_layer_depends_on_its_style():
    x, weight, style = seeded(0, 2, 3, 5, 5), seeded(1, 3, 3, 1, 1), seeded(2, 2, 3)
    no_bias = torch.zeros(3, dtype=torch.float64)
    y = reference.to_rgb(x, weight, style, no_bias)
    torch.testing.assert_close(reference.to_rgb(x, weight, 2 * style, no_bias), 2 * y)


def test_an_up_convolution_filters_first_and_correlates_then():
    x, weight = seeded(0, 1, 2, 4, 4), seeded(1, 3, 2, 3, 3)
    y = reference.conv(x, weight, None, resample="up", lrelu=False)
    image = torch.nn.functional.conv2d(reference.upsample(x), weight, padding=1)
    # at the rim the filter's tails differ: one zero padding at the beginning, not two
    torch.testing.assert_close(y[..., 1:-1, 1:-1], image[..., 1:-1, 1:-1])
