"""The operations as the papers define them: in any dtype, plain and slow. The oracle of `fast`.

Filters are `[1, 3, 3, 1]`, as in [SG2], unless one is given.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.ops.filtered_lrelu import Resampling

FILTER = (1.0, 3.0, 3.0, 1.0)
BLUR = (1.0, 2.0, 1.0)
LRELU_SLOPE = 0.2
EPSILON = 1e-8

Resample = Literal["up", "down"] | None


def upfirdn2d(
    x: Tensor,
    taps: tuple[float, ...] | Tensor = FILTER,
    *,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] | tuple[int, int, int, int] = (0, 0),
    gain: float = 1.0,
) -> Tensor:
    """Zero-stuff by `up`, pad or crop, convolve, keep every `down`-th sample, on both axes.

    Args:
        x: `[n, c, h, w]`.
        taps: 1-D filter, normalized to sum 1 and applied along each axis; or a tensor `[taps]` or
            `[taps, taps]` to apply unchanged.
        padding: Zeros before and after each axis, or left, right, top, bottom; negative values
            crop.
        gain: Factor of the result, for both axes together.
    """
    n, c, h, w = x.shape
    stuffed = x.new_zeros(n, c, h, up, w, up)
    stuffed[:, :, :, 0, :, 0] = x
    margins = padding if len(padding) == 4 else padding * 2
    padded = F.pad(stuffed.reshape(n, c, h * up, w * up), margins)
    if isinstance(taps, Tensor):
        line = taps.to(x)
    else:
        line = torch.tensor(taps, dtype=x.dtype, device=x.device)
        line = line / line.sum()
    kernel = line if line.ndim == 2 else torch.outer(line, line)
    # conv2d correlates, the definition convolves
    kernel = kernel.flip((0, 1)).expand(c, 1, -1, -1)
    return F.conv2d(padded, kernel, groups=c)[:, :, ::down, ::down] * gain


def upsample(x: Tensor) -> Tensor:
    """Double the size, filtered with `[1, 3, 3, 1]`."""
    return upfirdn2d(x, up=2, padding=(2, 1), gain=4.0)


def downsample(x: Tensor) -> Tensor:
    """Halve the size, filtered with `[1, 3, 3, 1]`."""
    return upfirdn2d(x, down=2, padding=(1, 1))


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
) -> Tensor:
    """Apply a layer of the synthesis network, [SG2] figure 2d and equations 1 and 3.

    Args:
        x: `[n, c_in, h, w]`.
        weight: `[c_out, c_in, k, k]`, correlation orientation.
        style: `[n, c_in]`, scale of each input channel.
        noise: Added to all channels of the result, or None.
        up: Double the size, filtered with `[1, 3, 3, 1]`.
        gain: Factor of the result besides the activation's √2.
        clamp: Limit of the result in units of gain, or None.
    """
    y = _each(_up_conv if up else _same_conv, x, _demodulated(weight, style))
    return bias_act(y if noise is None else y + noise, bias, gain=gain, clamp=clamp)


def to_rgb(
    x: Tensor, weight: Tensor, style: Tensor, bias: Tensor, *, clamp: float | None = None
) -> Tensor:
    """Convert feature maps to float32 images: 1×1 modulated convolution, not demodulated."""
    y = _each(F.conv2d, x, weight[None] * style[:, None, :, None, None])
    return bias_act(y, bias, lrelu=False, clamp=clamp)


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    resample: Resample = None,
    lrelu: bool = True,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """Convolve, add a bias and activate; optionally halve or double the size.

    Args:
        bias: `[c_out]`, or None.
        lrelu: Leaky ReLU times √2; False is linear.
        gain: Factor of the result besides the activation's √2.
        clamp: Limit of the result in units of gain, or None.
    """
    around = weight.shape[-1] // 2
    if resample == "up":
        y = _up_conv(x, weight)
    elif resample == "down":
        filtered = upfirdn2d(x, padding=(around + 1, around + 1))
        y = F.conv2d(filtered, weight.to(x.dtype), stride=2)
    else:
        y = _same_conv(x, weight)
    return bias_act(y, bias, lrelu=lrelu, gain=gain, clamp=clamp)


def box_up_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, blur: bool) -> Tensor:
    """Repeat each pixel 2 × 2, convolve, filter with `[1, 2, 1]` if `blur`, [SG1] section 2.

    Args:
        weight: `[c_out, c_in, 3, 3]`, correlation orientation.
        bias: `[c_out]`, added before the filter; or None.
    """
    y = _same_conv(F.interpolate(x, scale_factor=2, mode="nearest"), weight)
    y = y if bias is None else y + bias[:, None, None]
    return upfirdn2d(y, BLUR, padding=(1, 1)) if blur else y


def box_down_conv(x: Tensor, weight: Tensor, bias: Tensor, *, blur: bool) -> Tensor:
    """Filter with `[1, 2, 1]` if `blur`, convolve, average 2 × 2 pixels, add bias, activate."""
    filtered = upfirdn2d(x, BLUR, padding=(1, 1)) if blur else x
    return noise_bias_act(F.avg_pool2d(_same_conv(filtered, weight), 2), None, None, bias)


def noise_bias_act(
    x: Tensor, noise: Tensor | None, strength: Tensor | None, bias: Tensor | None
) -> Tensor:
    """Add noise and bias; leaky ReLU without gain, [SG1] figure 1b.

    Args:
        noise: `[n or 1, 1, h, w]`, or None.
        strength: `[c]`, factor of the noise in each channel.
        bias: `[c]`, or None.
    """
    if noise is not None:
        assert strength is not None
        x = x + noise * strength[:, None, None]
    return F.leaky_relu(x if bias is None else x + bias[:, None, None], LRELU_SLOPE)


def adain(x: Tensor, style: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Bring each channel to mean 0 and variance 1, then scale and shift it, [SG1] equation 1.

    Args:
        style: `[n, 2 · c]`, scales less 1, then shifts.
        epsilon: Added to the variance.
    """
    x = x - x.mean((2, 3), keepdim=True)
    x = x * (x.square().mean((2, 3), keepdim=True) + epsilon).rsqrt()
    scale, shift = style[..., None, None].chunk(2, dim=1)
    return x * (scale + 1) + shift


def alias_free_conv(
    x: Tensor,
    weight: Tensor,
    style: Tensor,
    bias: Tensor,
    resampling: Resampling,
    *,
    input_gain: Tensor | float = 1.0,
) -> Tensor:
    """Apply a layer of the synthesis network of StyleGAN3, [SG3] figure 4b.

    Args:
        weight: `[c_out, c_in, k, k]`, correlation orientation; the canvas grows by k − 1.
        style: `[n, c_in]`, scale of each input channel.
        input_gain: Factor of x that demodulation ignores.
    """
    y = modulated_conv(x, weight, style, input_gain=input_gain)
    front, behind = resampling.padding
    return filtered_lrelu(y, bias, resampling, padding=(front, behind, front, behind))


def modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, *, input_gain: Tensor | float = 1.0
) -> Tensor:
    """Convolve with full overlap, after normalizing weights and styles, [SG3] appendix."""
    weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
    style = style * style.square().mean().rsqrt()
    convolve = partial(F.conv2d, padding=weight.shape[-1] - 1)
    return _each(convolve, x, _demodulated(weight, style) * input_gain)


def filtered_lrelu(
    x: Tensor, bias: Tensor, resampling: Resampling, *, padding: tuple[int, int, int, int]
) -> Tensor:
    """Apply a leaky ReLU between filtered up- and downsampling, [SG3] section 2.3.

    Args:
        padding: Left, right, top, bottom, instead of that of `resampling`.
    """
    first, second = resampling.up_filter, resampling.down_filter
    y = upfirdn2d(
        x + bias[:, None, None],
        x.new_ones(1) if first is None else first.tensor(),
        up=resampling.up,
        padding=padding,
        gain=float(resampling.up**2),
    )
    y = F.leaky_relu(y, resampling.slope) * resampling.gain
    if resampling.clamp is not None:
        y = y.clamp(-resampling.clamp, resampling.clamp)
    return upfirdn2d(y, x.new_ones(1) if second is None else second.tensor(), down=resampling.down)


def bias_act(
    x: Tensor,
    bias: Tensor | None,
    *,
    lrelu: bool = True,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Tensor:
    """Add bias, apply leaky ReLU times √2, multiply by gain, clamp to ±clamp · gain."""
    if bias is not None:
        x = x + bias[:, None, None]
    if lrelu:
        x = F.leaky_relu(x, LRELU_SLOPE) * math.sqrt(2)
    x = x * gain
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def _demodulated(weight: Tensor, style: Tensor) -> Tensor:
    """Return the weights of each sample, `[n, c_out, c_in, k, k]`, [SG2] equations 1 and 3."""
    weights = weight[None] * style[:, None, :, None, None]
    return weights * (weights.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()


def _each(convolve: Callable[..., Tensor], x: Tensor, weights: Tensor) -> Tensor:
    """Convolve each sample with its own weights."""
    each = weights.to(x.dtype)
    return torch.cat([convolve(x[i : i + 1], each[i]) for i in range(len(x))])


def _same_conv(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight.to(x.dtype), padding=weight.shape[-1] // 2)


def _up_conv(x: Tensor, weight: Tensor) -> Tensor:
    # filter the zero-stuffed image, padded for both steps, then correlate
    around = weight.shape[-1] // 2
    filtered = upfirdn2d(x, up=2, padding=(2 + around, 1 + around), gain=4.0)
    return F.conv2d(filtered, weight.to(x.dtype))
