"""The layers of the traditional generator with their gains folded in, [PG]."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.frozen.layers import cast, to_image
from stylegan_cli.networks.layers import normalize
from stylegan_cli.networks.progan import Conv, LatentInput, Tail, ToRGB
from stylegan_cli.ops import fir
from stylegan_cli.ops.conv import conv2d, conv2d_up
from stylegan_cli.ops.fast import box_kernel
from stylegan_cli.ops.reference import BLUR, LRELU_SLOPE


class FrozenInput(nn.Module):
    """As `progan.LatentInput`, to the bit."""

    weight: Tensor

    def __init__(self, layer: LatentInput) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach() * layer.weight_gain)

    def forward(self, w: Tensor) -> Tensor:
        """`[n, w_dim]` to `[n, features, 4, 4]`."""
        x = F.linear(w, self.weight).reshape(w.shape[0], -1, 4, 4)
        return x.contiguous(memory_format=torch.channels_last)


class FrozenConv(nn.Module):
    """As `progan.Conv`; where the size doubles, its 4×4 kernel is summed ahead."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: Conv, dtype: torch.dtype) -> None:
        super().__init__()
        weight, self.up, self.blur = layer.weight.detach() * layer.weight_gain, layer.up, layer.blur
        # a transposed convolution applies its kernel reversed
        kernel = box_kernel(weight.flip((2, 3))).transpose(0, 1) if layer.up else weight
        self.register_buffer("weight", cast(kernel, dtype))
        bias = None if layer.bias is None else layer.bias.detach().to(dtype)[:, None, None]
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, h or 2h, w or 2w]`."""
        if not self.up:
            return conv2d(x, self.weight, padding=1)
        y = conv2d_up(x, self.weight, padding=1)
        if self.bias is not None:
            y.add_(self.bias)
        return fir.blur(y, padding=1, taps=BLUR) if self.blur else y


class FrozenRGB(nn.Module):
    """As `progan.ToRGB`."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: ToRGB) -> None:
        super().__init__()
        weight = layer.weight.detach()[:, :, 0, 0] * layer.weight_gain
        self.register_buffer("weight", weight)
        self.register_buffer("bias", layer.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Float32 image of the feature map x."""
        return to_image(x, self.weight.expand(x.shape[0], -1, -1), self.bias)


class FrozenTail(nn.Module):
    """As `progan.Tail`, in place where it can be."""

    bias: Tensor

    def __init__(self, layer: Tail, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("bias", layer.bias.detach().to(dtype)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Feature map of the same shape; x is overwritten."""
        return normalize(F.leaky_relu_(x.add_(self.bias), LRELU_SLOPE))
