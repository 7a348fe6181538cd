"""Filters and the tail of a layer in plain PyTorch: the kernels of `fast` on any device.

Filters are depthwise convolutions that can be differentiated any number of times: the adjoint of
each is another one of them, blurring with padding p and k − 1 − p, doubling and halving.
PyTorch's own double backward would compute a filter gradient that nobody needs, channel by channel.
"""

import math
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.ops.autograd import linear
from stylegan_cli.ops.reference import FILTER, LRELU_SLOPE

WIDEST_PRODUCT = 64
"""Pixels up to which bfloat16 images double fastest by products with matrices, on CPUs with AMX."""


def blur(x: Tensor, padding: int, gain: float = 1.0, taps: tuple[float, ...] = FILTER) -> Tensor:
    """Filter with equal zero padding on all sides: size n becomes n + 2 · padding + 1 − k.

    Args:
        taps: 1-D filter of length k, symmetric, normalised to sum 1.
    """
    # symmetric taps: the adjoint has the padding that restores the size
    paddings = padding, len(taps) - 1 - padding
    return linear(x, *(partial(_blur, padding=each, gain=gain, taps=taps) for each in paddings))


def upsample(x: Tensor) -> Tensor:
    """Double the size, with DC gain 1."""
    return linear(x, partial(_up, gain=4.0), partial(_down, gain=4.0))


def downsample(x: Tensor) -> Tensor:
    """Halve the size, with DC gain 1."""
    return linear(x, partial(_down, gain=1.0), partial(_up, gain=1.0))


def tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    *,
    blurred: bool,
    limit: float | None,
) -> Tensor:
    """Compute the leaky ReLU of `y · scale + noise + shift`, clamped, in the dtype of y.

    Args:
        y: `[n, c, h, w]`.
        scale: `[n, c]`.
        noise: `[n or 1, 1, h', w']`, or None.
        shift: `[c]`.
        blurred: Filter y first, with padding 1 and a gain of 4, as after doubling.
        limit: Bound of the absolute value of the result, or None.
    """
    if blurred:
        y = blur(y, padding=1, gain=4.0)
    z = y * scale.to(y.dtype)[..., None, None]
    if noise is not None:
        z = z.add_(noise.to(y.dtype))
    z = z.add_(shift.to(y.dtype)[..., None, None])
    z = F.leaky_relu_(z, LRELU_SLOPE)
    return z if limit is None else z.clamp(-limit, limit)


def _blur(x: Tensor, padding: int, gain: float, taps: tuple[float, ...]) -> Tensor:
    return F.conv2d(x, _kernel(x, gain, taps), padding=padding, groups=x.shape[1])


def _up(x: Tensor, gain: float) -> Tensor:
    if x.device.type == "cpu" and x.dtype == torch.bfloat16:
        # in bfloat16 a scalar loop, 20 times slower
        if max(x.shape[2:]) <= WIDEST_PRODUCT:
            return _up_by_products(x, gain)
        return _up(x.float(), gain).to(x.dtype)
    return F.conv_transpose2d(x, _kernel(x, gain), stride=2, padding=1, groups=x.shape[1])


def _down(x: Tensor, gain: float) -> Tensor:
    return F.conv2d(x, _kernel(x, gain), stride=2, padding=1, groups=x.shape[1])


def _up_by_products(x: Tensor, gain: float) -> Tensor:
    n, c, h, w = x.shape
    rows, columns = (_doubling(size, gain, x.dtype) for size in (h, w))
    y = rows @ x.permute(0, 2, 3, 1).reshape(n, h, w * c)
    y = columns @ y.reshape(n * 2 * h, w, c)
    return y.reshape(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def _doubling(size: int, gain: float, dtype: torch.dtype) -> Tensor:
    """Return the matrix `[2 · size, size]` that doubles an axis, with the root of a gain."""
    with torch.inference_mode(False):
        line = torch.tensor(FILTER) / sum(FILTER) * math.sqrt(gain)
        eye = torch.eye(size)[:, None]
        columns = F.conv_transpose1d(eye, line[None, None], stride=2, padding=1)
        return columns[:, 0].T.to(dtype)


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
