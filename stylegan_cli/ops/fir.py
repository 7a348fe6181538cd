"""Filters and the tail of a layer in plain PyTorch: the kernels of `fast` on any device.

Filters are depthwise convolutions that can be differentiated any number of times: the adjoint of
each is another one of them, blurring with padding p and k − 1 − p, doubling and halving.
PyTorch's own double backward would compute a filter gradient that nobody needs, channel by channel.
"""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from stylegan_cli.ops.conv import refuse_traced_autograd
from stylegan_cli.ops.reference import FILTER, LRELU_SLOPE


def blur(x: Tensor, padding: int, gain: float = 1.0, taps: tuple[float, ...] = FILTER) -> Tensor:
    """Filter with equal zero padding on all sides: size n becomes n + 2 · padding + 1 − k.

    Args:
        taps: 1-D filter of length k, symmetric, normalised to sum 1.
    """
    refuse_traced_autograd()
    y: Tensor = _Blur.apply(x, padding, gain, taps)
    return y


def upsample(x: Tensor) -> Tensor:
    """Double the size, with DC gain 1."""
    refuse_traced_autograd()
    y: Tensor = _Up.apply(x, 4.0)
    return y


def downsample(x: Tensor) -> Tensor:
    """Halve the size, with DC gain 1."""
    refuse_traced_autograd()
    y: Tensor = _Down.apply(x, 1.0)
    return y


def tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    *,
    blurred: bool,
    limit: float | None,
) -> Tensor:
    """Apply the tail of a layer in the dtype of y; see `fast.Kernels`."""
    if blurred:
        y = blur(y, padding=1, gain=4.0)
    z = y * scale.to(y.dtype)[..., None, None]
    if noise is not None:
        z = z.add_(noise.to(y.dtype))
    z = z.add_(shift.to(y.dtype)[..., None, None])
    z = F.leaky_relu_(z, LRELU_SLOPE)
    return z if limit is None else z.clamp(-limit, limit)


class _Blur(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: int, gain: float, taps: tuple[float, ...]) -> Tensor:
        ctx.padding, ctx.gain, ctx.taps = padding, gain, taps
        return F.conv2d(x, _kernel(x, gain, taps), padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None]:
        padding = len(ctx.taps) - 1 - ctx.padding
        return _Blur.apply(dy, padding, ctx.gain, ctx.taps), None, None, None


class _Up(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        if x.device.type == "cpu" and x.dtype == torch.bfloat16:
            return _up_by_interpolation(x) * (gain / 4)
        return F.conv_transpose2d(x, _kernel(x, gain), stride=2, padding=1, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return _Down.apply(dy, ctx.gain), None


class _Down(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return F.conv2d(x, _kernel(x, gain), stride=2, padding=1, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return _Up.apply(dy, ctx.gain), None


def _up_by_interpolation(x: Tensor) -> Tensor:
    # depthwise transposed convolution in bfloat16 is a scalar loop on CPUs, 20 times slower;
    # bilinear interpolation of the zero-padded image is the same filter
    padded = F.pad(x, (1, 1, 1, 1))
    y = F.interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)
    return y[..., 2:-2, 2:-2].contiguous(memory_format=torch.channels_last)


def _kernel(x: Tensor, gain: float, taps: tuple[float, ...] = FILTER) -> Tensor:
    return _cached_kernel(x.shape[1], gain, taps, x.dtype, x.device)


@lru_cache(maxsize=256)
def _cached_kernel(
    channels: int, gain: float, taps: tuple[float, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    with torch.inference_mode(False):
        line = torch.tensor(taps) / sum(taps)
        kernel = (torch.outer(line, line) * gain).to(device, dtype).repeat(channels, 1, 1, 1)
        return kernel.contiguous(memory_format=torch.channels_last)
