"""The kernels of `fast` in plain PyTorch, on any device; `Kernels` says what they do."""

import torch.nn.functional as F
from torch import Tensor

from stylegan_cli.ops.fir import blur, downsample, upsample
from stylegan_cli.ops.reference import LRELU_SLOPE

__all__ = ["blur", "downsample", "tail", "upsample"]


def tail(
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    shift: Tensor,
    *,
    blurred: bool,
    limit: float | None,
) -> Tensor:
    """As `Kernels.tail`; in the dtype of y."""
    if blurred:
        y = blur(y, padding=1, gain=4.0)
    z = y * scale.to(y.dtype)[..., None, None]
    if noise is not None:
        z = z.add_(noise.to(y.dtype))
    z = z.add_(shift.to(y.dtype)[..., None, None])
    z = F.leaky_relu_(z, LRELU_SLOPE)
    return z if limit is None else z.clamp(-limit, limit)
