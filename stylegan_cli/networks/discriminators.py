"""Discriminators of StyleGAN2, [SG2] section 4.1 and figure 7; projection of labels as in [ADA]."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, ResidualSkip, conv_weight, features_by_side
from stylegan_cli.networks.mapping import MappingNetwork
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.ops.reference import EPSILON, Resample
from stylegan_cli.recipe import DiscriminatorSection
from stylegan_cli.shapes import C, Images, Logits

Architecture = Literal["orig", "skip", "resnet"]


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions:
    """What all layers of a discriminator share.

    Attributes:
        channels: Of the image.
        clamp: Limit of every layer's result, or None.
        dtype: Type of the activations down to 8×8.
    """

    architecture: Architecture
    channels: int
    clamp: float | None
    dtype: torch.dtype
    backend: BackendName


class Conv(nn.Module):
    """Convolution with equalized learning rate, bias, leaky ReLU and clamp."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        options: DiscriminatorOptions,
        *,
        resample: Resample = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_gain = 1 / math.sqrt(inputs * kernel * kernel)
        self.resample, self.gain, self.clamp = resample, gain, options.clamp
        self.ops = pick_backend(options.backend)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, h or h/2, w or w/2]`, in the dtype of x."""
        y: Tensor = self.ops.conv(
            x,
            self.weight * self.weight_gain,
            self.bias,
            resample=self.resample,
            gain=self.gain,
            clamp=self.clamp,
        )
        return y


class Block(nn.Module):
    """The layers of one resolution, halving it.

    Args:
        reads_image: Whether the block takes in the image of its resolution too.
    """

    def __init__(
        self, inputs: int, outputs: int, options: DiscriminatorOptions, *, reads_image: bool
    ) -> None:
        super().__init__()
        self.dtype = options.dtype
        self.residual = options.architecture == "resnet"
        if reads_image:
            self.fromrgb = Conv(options.channels, inputs, 1, options)
        gain = math.sqrt(0.5) if self.residual else 1.0
        self.conv0 = Conv(inputs, inputs, 3, options)
        self.conv1 = Conv(inputs, outputs, 3, options, resample="down", gain=gain)
        if self.residual:
            self.skip = ResidualSkip(inputs, outputs, "down", options.backend)

    def forward(self, x: Tensor | None, image: Tensor | None) -> Tensor:
        """Feature map of half the size from x, the image, or both."""
        if image is not None:
            from_image: Tensor = self.fromrgb(image.to(self.dtype))
            x = from_image if x is None else x.to(self.dtype) + from_image
        assert x is not None
        x = x.to(self.dtype)
        y: Tensor = self.conv1(self.conv0(x))
        return y + self.skip(x) if self.residual else y


class MinibatchStd(nn.Module):
    """Appends how much the samples of a group differ, [PG] section 3.

    Sample i of n belongs to group i mod (n / group_size): interleaved, so that processes that
    take every k-th sample form the same groups as one process.
    """

    def __init__(self, group_size: int, channels: int) -> None:
        super().__init__()
        self.group_size, self.channels = group_size, channels

    def forward(self, x: Tensor) -> Tensor:
        """`[n, c, h, w]` to `[n, c + channels, h, w]`; 0 channels leave x as it is."""
        if not self.channels:
            return x
        n, _, h, w = x.shape
        size = min(self.group_size, n)
        groups = x.reshape(size, n // size, self.channels, -1, h, w)
        deviation = (groups.var(dim=0, unbiased=False) + EPSILON).sqrt()
        value = deviation.mean((2, 3, 4))[..., None, None]
        return torch.cat([x, value.repeat(size, 1, h, w)], dim=1)


class Epilogue(nn.Module):
    """From 4×4 feature maps to one number, or `outputs` numbers to compare with the label's."""

    def __init__(
        self,
        features: int,
        outputs: int,
        options: DiscriminatorOptions,
        mbstd: MinibatchStd,
    ) -> None:
        super().__init__()
        if options.architecture == "skip":
            # the original clamps every convolution but this one
            self.fromrgb = Conv(options.channels, features, 1, replace(options, clamp=None))
        self.mbstd = mbstd
        self.conv = Conv(features + mbstd.channels, features, 3, options)
        self.fc = Dense(features * 16, features, lrelu=True)
        self.out = Dense(features, outputs)

    def forward(self, x: Tensor, image: Tensor | None) -> Tensor:
        """`[n, features, 4, 4]` to `[n, outputs]`, in the dtype of the weights."""
        x = x.to(self.out.weight.dtype)
        if image is not None:
            x = x + self.fromrgb(image)
        x = self.conv(self.mbstd(x))
        result: Tensor = self.out(self.fc(x.flatten(1)))
        return result


class Discriminator(nn.Module):
    """D of StyleGAN2: the higher its logit, the more real it holds an image.

    Args:
        section: With channel_base and channel_max given.
    """

    def __init__(
        self,
        section: DiscriminatorSection,
        *,
        resolution: int,
        channels: int,
        c_dim: int,
        dtype: torch.dtype = torch.float32,
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        assert section.channel_base is not None and section.channel_max is not None
        self.c_dim, self.resolution, self.channels = c_dim, resolution, channels
        self.skip_images = section.architecture == "skip"
        options = DiscriminatorOptions(
            architecture=section.architecture,
            channels=channels,
            clamp=section.conv_clamp,
            dtype=dtype,
            backend=backend,
        )
        features = features_by_side(resolution, section.channel_base, section.channel_max)
        self.sides = tuple(side for side in reversed(features) if side > 4)
        for side in self.sides:
            reads_image = self.skip_images or side == resolution
            block = Block(features[side], features[side // 2], options, reads_image=reads_image)
            self.add_module(f"b{side}", block)
        mbstd = MinibatchStd(section.mbstd_group_size, section.mbstd_channels)
        self.b4 = Epilogue(features[4], features[4] if c_dim else 1, options, mbstd)
        if c_dim:
            self.mapping = MappingNetwork(
                z_dim=0, c_dim=c_dim, w_dim=features[4], layers=section.mapping_layers
            )
        self.ops = pick_backend(backend)

    def forward(self, images: Images, c: C) -> Logits:
        """Logit of each image given its label."""
        image: Tensor | None = images.contiguous(memory_format=torch.channels_last)
        x: Tensor | None = None
        for side in self.sides:
            x = self.get_submodule(f"b{side}")(x, image)
            image = self.ops.downsample(image) if self.skip_images else None
        scores: Tensor = self.b4(x, image)
        if not self.c_dim:
            return scores
        label: Tensor = self.mapping(images.new_empty(len(images), 0), c)
        return (scores * label).sum(1, keepdim=True) / math.sqrt(scores.shape[1])
