"""The operations in their fast form, equal to `reference` up to rounding.

Feature maps are channels last. Styles scale activations instead of weights, so that one
convolution serves the whole batch; √2 and gains are multiplied into weights and biases, which is
exact because leaky ReLU is homogeneous. What differs between devices, filters and tails of layers,
comes from a module of `kernels`: `fir` or `triton`.
"""

import math
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.ops import fir
from stylegan_cli.ops.autograd import conv2d, conv2d_up, transform
from stylegan_cli.ops.filtered_lrelu import Resampling, filtered_lrelu
from stylegan_cli.ops.fir import downsample, upsample
from stylegan_cli.ops.reference import BLUR, EPSILON, LRELU_SLOPE, Resample

__all__ = [
    "adain",
    "alias_free_conv",
    "box_down_conv",
    "box_kernel",
    "box_up_conv",
    "conv",
    "downsample",
    "noise_bias_act",
    "styled_conv",
    "to_rgb",
    "upsample",
]


def styled_conv(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    noise: Tensor | None,
    bias: Tensor,
    *,
    up: bool = False,
    gain: float = 1.0,
    clamp: float | None = None,
    kernels: ModuleType = fir,
) -> Tensor:
    """Compute `reference.styled_conv`: convolution in the dtype of x, demodulation in style's."""
    scaled = x * _per_channel(style, x)
    kernel = weight.to(x.dtype)
    y = _double(scaled, kernel) if up else conv2d(scaled, kernel, padding=weight.shape[-1] // 2)
    factor = gain * math.sqrt(2)
    energy = weight.square().sum((2, 3))
    demodulation = (style.square() @ energy.T + EPSILON).rsqrt() * factor
    result: Tensor = kernels.tail(
        y,
        demodulation,
        None if noise is None else noise * factor,
        bias * factor,
        blurred=up,
        limit=None if clamp is None else clamp * gain,
    )
    return result


def to_rgb(
    x: Tensor, weight: Tensor, style: Tensor, bias: Tensor, *, clamp: float | None = None
) -> Tensor:
    """Compute `reference.to_rgb` by one matrix product per sample, at least as wide as bias."""
    n, c, h, w = x.shape
    matrix = style[:, :, None] * weight[:, :, 0, 0].T
    flat = transform(x.permute(0, 2, 3, 1).reshape(n, h * w, c), matrix.to(x.dtype))
    y = (flat + bias).reshape(n, h, w, -1).permute(0, 3, 1, 2)  # in the wider of the two dtypes
    return y if clamp is None else y.clamp(-clamp, clamp)


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    resample: Resample = None,
    lrelu: bool = True,
    gain: float = 1.0,
    clamp: float | None = None,
    kernels: ModuleType = fir,
) -> Tensor:
    """Compute `reference.conv` in the dtype of x."""
    factor = gain * math.sqrt(2) if lrelu else gain
    kernel = (weight * factor).to(x.dtype)
    shift = None if bias is None else (bias * factor).to(x.dtype)
    around, slope = weight.shape[-1] // 2, LRELU_SLOPE if lrelu else None
    y: Tensor
    if resample == "up":
        if around == 0:  # 1×1, so filter the smaller image
            y = kernels.upsample(conv2d(x, kernel, shift))
        else:
            y = kernels.blur(_double(x, kernel), padding=1, gain=4.0)
            y = y if bias is None else y + _per_channel(bias * factor, y)
        y = F.leaky_relu_(y, LRELU_SLOPE) if lrelu else y
    elif resample == "down" and around:
        y = conv2d(kernels.blur(x, padding=around + 1), kernel, shift, stride=2, slope=slope)
    else:
        x = kernels.downsample(x) if resample == "down" else x
        y = conv2d(x, kernel, shift, padding=around, slope=slope)
    return y if clamp is None else y.clamp(-clamp * gain, clamp * gain)


def box_up_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    blur: bool,
    kernels: ModuleType = fir,
) -> Tensor:
    """Compute `reference.box_up_conv` by one transposed convolution of the small image."""
    kernel = box_kernel(weight.flip((2, 3))).to(x.dtype)
    y = conv2d_up(x, kernel.transpose(0, 1), padding=1)
    y = y if bias is None else y + _per_channel(bias, y)
    return kernels.blur(y, padding=1, taps=BLUR) if blur else y


def box_down_conv(
    x: Tensor, weight: Tensor, bias: Tensor, *, blur: bool, kernels: ModuleType = fir
) -> Tensor:
    """Compute `reference.box_down_conv` by one convolution with stride 2."""
    filtered = kernels.blur(x, padding=1, taps=BLUR) if blur else x
    kernel = (box_kernel(weight) * 0.25).to(x.dtype)
    return conv2d(filtered, kernel, bias.to(x.dtype), stride=2, padding=1, slope=LRELU_SLOPE)


def noise_bias_act(
    x: Tensor, noise: Tensor | None, strength: Tensor | None, bias: Tensor | None
) -> Tensor:
    """Compute `reference.noise_bias_act`."""
    y = x.clone() if bias is None else x + _per_channel(bias, x)
    if noise is not None:
        assert strength is not None
        y = y.addcmul_(noise.to(y.dtype), _per_channel(strength, y))
    return F.leaky_relu_(y, LRELU_SLOPE)


def adain(x: Tensor, style: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Compute `reference.adain` in the dtype of x, scales in that of style."""
    # the gradient of a subtraction would lay out feature maps channel by channel
    centred = x + _pixel_mean(x).neg()
    variance = _pixel_mean(centred.square())[..., 0, 0].to(style.dtype)
    scale, shift = style.chunk(2, dim=1)
    factor = (scale + 1) * (variance + epsilon).rsqrt()
    return torch.addcmul(_per_channel(shift, x), centred, _per_channel(factor, x))


def _pixel_mean(x: Tensor) -> Tensor:
    if x.device.type != "cpu":
        return x.mean((2, 3), keepdim=True)
    # on CPUs a matrix product is up to ten times faster than a reduction of channels-last pixels
    n, c, h, w = x.shape
    weights = x.new_full((n, 1, h * w), 1 / (h * w))
    return (weights @ x.permute(0, 2, 3, 1).reshape(n, h * w, c)).reshape(n, c, 1, 1)


def alias_free_conv(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    bias: Tensor,
    resampling: Resampling,
    *,
    input_gain: Tensor | float = 1.0,
) -> Tensor:
    """Compute `reference.alias_free_conv` in the dtype of x, demodulation in that of style."""
    # the normalisations of weights and styles cancel
    energy = weight.square().sum((2, 3))
    demodulation = (style.square() @ energy.T + EPSILON).rsqrt()
    scaled = x * _per_channel(style * input_gain, x)
    y = conv2d(scaled, weight.to(x.dtype), padding=weight.shape[-1] - 1)
    y = torch.addcmul(_per_channel(bias, y), y, _per_channel(demodulation, y))
    return filtered_lrelu(y, resampling)


def box_kernel(weight: Tensor) -> Tensor:
    """Sum 3×3 weights at four places, one pixel apart: `[…, 4, 4]`."""
    wide = F.pad(weight, (1, 1, 1, 1))
    rows = wide[:, :, 1:] + wide[:, :, :-1]
    return rows[..., 1:] + rows[..., :-1]


def _double(x: Tensor, kernel: Tensor) -> Tensor:
    # not filtered yet; a transposed convolution applies its kernel reversed
    return conv2d_up(x, kernel.flip((2, 3)).transpose(0, 1))


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.dtype)[..., None, None]
