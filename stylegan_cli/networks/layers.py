"""Layers that generators and discriminators of several families share."""

import math
from typing import Protocol, TypeVar, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.ops import BackendName, fast, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE, Resample
from stylegan_cli.recipe import Settled
from stylegan_cli.sizes import Size

T = TypeVar("T")


def normalize(x: Tensor) -> Tensor:
    """Scale each row, or the channels of each pixel, to mean square 1, [PG] section 4.2."""
    # the gradient of mean() would lay out feature maps channel by channel
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
        lrelu: Add a leaky ReLU with a gain of √2; False is linear.
        root2_in_weight: Make the gain part of the weights, as in [PG] and [SG1]; otherwise it
            follows the activation, so that it scales the bias too.
        lr_multiplier: Factor of the learning rate: weights are stored 1 / lr_multiplier as large.
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
        self.weight = nn.Parameter(randn(outputs, inputs, over=lr_multiplier))
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.lrelu = lrelu
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.activation_gain = 1.0 if root2_in_weight else math.sqrt(2)
        if lrelu and root2_in_weight:
            self.weight_gain *= math.sqrt(2)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, inputs]` to `[n, outputs]`, in the dtype of the weights."""
        # the inputs are scaled, as they are fewer than the weights
        y = torch.addmm(self.bias, x * self.weight_gain, self.weight.T, beta=self.bias_gain)
        return F.leaky_relu(y, LRELU_SLOPE) * self.activation_gain if self.lrelu else y

    def frozen(self, _: torch.dtype) -> "FrozenDense":
        return FrozenDense(self)


def randn(*shape: int, over: float = 1.0) -> Tensor:
    """Draw standard normal numbers over a divisor; under `torch.device("meta")` none.

    There torch's own functions would import sympy and the compiler, which takes a second.
    """
    empty = torch.empty(shape)
    return empty if empty.is_meta else empty.normal_().div_(over)


def conv_weight(outputs: int, inputs: int, kernel: int) -> nn.Parameter:
    """Draw standard normal weights `[outputs, inputs, kernel, kernel]`, channels last."""
    weight = randn(outputs, inputs, kernel, kernel)
    return nn.Parameter(weight.contiguous(memory_format=torch.channels_last))


class ResidualSkip(nn.Module):
    """1×1 convolution without bias around a residual block; doubles or halves the size."""

    def __init__(self, inputs: int, outputs: int, resample: Resample, backend: BackendName) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 1)
        self.weight_gain = 1 / math.sqrt(inputs)
        self.resample = resample
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, inputs, h, w]` to `[n, outputs, …]`, times √½."""
        weight = self.weight * self.weight_gain
        y: Tensor = self.ops.conv(
            x, weight, None, resample=self.resample, lrelu=False, gain=math.sqrt(0.5)
        )
        return y

    def frozen(self, dtype: torch.dtype) -> "FrozenSkip":
        return FrozenSkip(self, dtype)


def features_by_level(size: Size, channel_base: int, channel_max: int) -> dict[int, int]:
    """Count the feature maps at each level of `sizes.Size`: base / level, at most max."""
    return {level: min(channel_base // level, channel_max) for level in size.levels}


def generator_features(recipe: Settled) -> dict[int, int]:
    """Count the feature maps of the generator at each level."""
    section = recipe.generator
    return features_by_level(recipe.data.size, section.channel_base, section.channel_max)


def grown(levels: tuple[T, ...], lod: float) -> tuple[T, ...]:
    """Return the levels that take part where `lod` levels are missing."""
    return levels[: len(levels) - int(lod)]


def twice(levels: tuple[T, ...]) -> tuple[T, ...]:
    """Repeat each level: a block has two layers."""
    return tuple(level for level in levels for _ in range(2))


class Frozen(nn.Module):
    """Form of a layer for drawing: its tensors are constants."""

    weight: Tensor
    energy: Tensor
    noise_const: Tensor
    noise_strength: Tensor

    def __init__(self, **tensors: Tensor | None) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, None if tensor is None else tensor.detach())


class FrozenDense(Frozen):
    """`Dense` for drawing; gives the same bits.

    Args:
        gain: Further factor of the output of a linear layer.
    """

    bias: Tensor

    def __init__(self, layer: Dense, gain: float = 1.0) -> None:
        super().__init__(weight=layer.weight, bias=layer.bias * layer.bias_gain * gain)
        self.lrelu, self.activation_gain = layer.lrelu, layer.activation_gain
        self.gain, self.weight_gain = gain, layer.weight_gain * gain

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x * self.weight_gain, self.weight, self.bias)
        return F.leaky_relu(y, LRELU_SLOPE) * self.activation_gain if self.lrelu else y


class FrozenSkip(Frozen):
    """`ResidualSkip` for drawing."""

    def __init__(self, layer: ResidualSkip, dtype: torch.dtype) -> None:
        super().__init__(weight=cast(layer.weight * layer.weight_gain * 0.5**0.5, dtype))
        self.resample = layer.resample

    def forward(self, x: Tensor) -> Tensor:
        return fast.conv(x, self.weight, None, resample=self.resample, lrelu=False)


class FrozenRGB(Frozen):
    """Modulated 1×1 convolution to image channels, for drawing: one matrix product per sample.

    Args:
        weight: `[channels, c, 1, 1]`.
        gain: Factor of the styles.
        clamp: Limit of the image, or None.
    """

    bias: Tensor

    def __init__(
        self, affine: Dense, weight: Tensor, bias: Tensor, *, gain: float, clamp: float | None
    ) -> None:
        super().__init__(weight=weight[:, :, 0, 0], bias=bias)
        self.affine = FrozenDense(affine, gain)
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor, *_: object) -> Tensor:
        """Map feature maps to float32 images."""
        image = to_image(x, self.weight * self.affine(w)[:, None], self.bias)
        return image if self.clamp is None else image.clamp_(-self.clamp, self.clamp)


def to_image(x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Convolve 1×1 to image channels, with weights per sample.

    Args:
        x: `[n, c, h, w]`, channels last.
        matrix: `[n, channels, c]`.
        bias: `[channels]`; its dtype is the narrowest that the image can have.
    """
    n, c, h, w = x.shape
    # images times pixels: on CPUs three times faster than pixels times images
    image = matrix.to(x.dtype) @ x.permute(0, 2, 3, 1).reshape(n, h * w, c).transpose(1, 2)
    image = (image + bias[:, None]).reshape(n, -1, h, w)
    return image.contiguous(memory_format=torch.channels_last)


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert the weights of a convolution to the type and layout that its kernels read."""
    return weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)


def split_lod(lod: float) -> tuple[int, float]:
    """Return the whole levels missing, and the share of the level below in the output."""
    levels = int(lod)
    return levels, lod - levels


def fade(new: Tensor, old: Tensor, share: float) -> Tensor:
    """Blend the new level with `share` of the old one, both of the same size."""
    return torch.lerp(new, old.to(new.dtype), share)


def upscale(images: Tensor, size: Size) -> Tensor:
    """Enlarge images to this size by repeating pixels."""
    if images.shape[-2:] == size.shape:
        return images
    return F.interpolate(images, size=size.shape, mode="nearest")


def halve(images: Tensor) -> Tensor:
    """Average each 2 × 2 pixels: `[n, c, h/2, w/2]`."""
    return F.avg_pool2d(images, 2)
