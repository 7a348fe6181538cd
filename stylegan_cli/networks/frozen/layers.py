"""Layers of several families with their gains folded in, for drawing alone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, ResidualSkip
from stylegan_cli.ops import fast
from stylegan_cli.ops.reference import LRELU_SLOPE


class FrozenDense(nn.Module):
    """As `layers.Dense`, to the bit.

    Args:
        gain: Further factor of the result of a linear layer.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: Dense, gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach() * layer.weight_gain * gain)
        self.register_buffer("bias", layer.bias.detach() * layer.bias_gain * gain)
        self.lrelu, self.activation_gain = layer.lrelu, layer.activation_gain

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs]` to `[n, outputs]`, in the dtype of the weights."""
        y = F.linear(x, self.weight, self.bias)
        return F.leaky_relu(y, LRELU_SLOPE) * self.activation_gain if self.lrelu else y


class FrozenSkip(nn.Module):
    """As `layers.ResidualSkip`."""

    weight: Tensor

    def __init__(self, layer: ResidualSkip, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", cast(layer.weight * layer.weight_gain * 0.5**0.5, dtype))
        self.resample = layer.resample

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, …]`, times √½."""
        return fast.conv(x, self.weight, None, resample=self.resample, lrelu=False)


def to_image(x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """1×1 convolution to the channels of an image, with weights of each sample.

    Args:
        x: `[n, c, h, w]`, channels last.
        matrix: `[n, channels, c]`.
        bias: `[channels]`; the image is at least as wide.
    """
    n, c, h, w = x.shape
    # images times pixels: on CPUs three times faster than pixels times images
    image = matrix.to(x.dtype) @ x.permute(0, 2, 3, 1).reshape(n, h * w, c).transpose(1, 2)
    image = (image + bias[:, None]).reshape(n, -1, h, w)
    return image.contiguous(memory_format=torch.channels_last)


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights of a convolution as its kernels read them."""
    return weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
