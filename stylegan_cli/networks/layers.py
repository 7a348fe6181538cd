"""What generators and discriminators are both made of."""

import math
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.ops import BackendName, fast, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE, Resample


def normalize(x: Tensor) -> Tensor:
    """Scale each row, or the channels of each pixel, to mean square 1, [PG] section 4.2."""
    # not mean(), whose gradient would lay out feature maps channel by channel
    energy = x.square().sum(dim=1, keepdim=True) / x.shape[1]
    return x * (energy + EPSILON).rsqrt()


@runtime_checkable
class Freezable(Protocol):
    """Module with a form for drawing alone: constants folded, weights cast and laid out."""

    def frozen(self, dtype: torch.dtype) -> nn.Module:
        """Return that form, without gradients, for activations of this type.

        It may share tensors with the module, and be the module itself, changed.
        """


def freeze_layers(module: nn.Module, dtype: torch.dtype) -> None:
    """Replace the layers in a module by their frozen forms."""
    for name, child in module.named_children():
        if isinstance(child, Freezable):
            setattr(module, name, child.frozen(dtype))
        else:
            freeze_layers(child, dtype)


class Dense(nn.Module):
    """Fully connected layer with equalized learning rate, [PG] section 4.1.

    Args:
        lrelu: Leaky ReLU behind it, with a gain of √2; False is linear.
        root2_in_weight: The gain is part of the weights, as in [PG] and [SG1]; else it comes
            after the activation, so that it applies to the bias too.
        lr_multiplier: Weights are stored this much larger and learn this much slower.
        bias_init: Effective bias at the start.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        lrelu: bool = False,
        root2_in_weight: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.lrelu = lrelu
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.activation_gain = 1.0 if root2_in_weight else math.sqrt(2)
        if lrelu and root2_in_weight:
            self.weight_gain *= math.sqrt(2)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs]` to `[n, outputs]`, in the dtype of the weights."""
        y = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(y, LRELU_SLOPE) * self.activation_gain if self.lrelu else y

    def frozen(self, _: torch.dtype) -> "FrozenDense":
        """The same layer with its gains multiplied in."""
        return FrozenDense(self)


def conv_weight(outputs: int, inputs: int, kernel: int) -> nn.Parameter:
    """Standard normal convolution weights `[outputs, inputs, kernel, kernel]`, channels last."""
    weight = torch.randn(outputs, inputs, kernel, kernel)
    return nn.Parameter(weight.contiguous(memory_format=torch.channels_last))


class ResidualSkip(nn.Module):
    """1×1 convolution around a residual block, without bias; doubles or halves the size."""

    def __init__(self, inputs: int, outputs: int, resample: Resample, backend: BackendName) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 1)
        self.weight_gain = 1 / math.sqrt(inputs)
        self.resample = resample
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, …]`, times √½."""
        weight = self.weight * self.weight_gain
        y: Tensor = self.ops.conv(
            x, weight, None, resample=self.resample, lrelu=False, gain=math.sqrt(0.5)
        )
        return y

    def frozen(self, dtype: torch.dtype) -> "FrozenSkip":
        """The same layer with its gains multiplied in."""
        return FrozenSkip(self, dtype)


def features_by_side(resolution: int, channel_base: int, channel_max: int) -> dict[int, int]:
    """Feature maps at each side from 4 to `resolution`: halved with each doubling, bounded."""
    sides = [2**i for i in range(2, resolution.bit_length())]
    return {side: min(channel_base // side, channel_max) for side in sides}


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


def split_lod(lod: float) -> tuple[int, float]:
    """Whole levels missing, and the share that the level below still has in the result."""
    levels = int(lod)
    return levels, lod - levels


def fade(new: Tensor, old: Tensor, share: float) -> Tensor:
    """The new level with `share` of the old one in it, both of the same size."""
    return torch.lerp(new, old.to(new.dtype), share)


def upscale(images: Tensor, side: int) -> Tensor:
    """Images of this side, each pixel repeated; the same if they are that large already.

    Args:
        images: `[n, c, h, h]`.
    """
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="nearest")


def halve(images: Tensor) -> Tensor:
    """`[n, c, h/2, w/2]`: the mean of each 2 × 2 pixels."""
    return F.avg_pool2d(images, 2)
