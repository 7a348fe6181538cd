"""Discriminators of every family: the progressive ones, and those of [SG2] figure 7.

Families differ in three traits only; see `DiscriminatorForm`.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from stylegan_cli.networks.generator import MappingNetwork, MappingOptions
from stylegan_cli.networks.layers import (
    Dense,
    ResidualSkip,
    conv_weight,
    fade,
    features_by_level,
    halve,
    split_lod,
)
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.ops.reference import EPSILON, Resample
from stylegan_cli.recipe import DiscriminatorSection
from stylegan_cli.recipe.architecture import Architecture
from stylegan_cli.shapes import C, Images, Verdict
from stylegan_cli.sizes import Size


@dataclass(frozen=True, kw_only=True)
class DiscriminatorForm:
    """Traits that tell the discriminators of families apart.

    Attributes:
        halving: Filter with which layers halve the size: "fir" is `[1, 3, 3, 1]`, "blur" is
            `[1, 2, 1]` and a box, "box" a box, "late" a box after the activation.
        root2_in_weight: The gain √2 of activations is part of the weights, as in [PG] and [SG1].
        labels: Use of labels: "projection" projects the scores on an embedding of the label,
            [ADA]; "own-logit" takes the logit of the label, [SG1]; "classes" adds a logit per
            class to the verdict, AC-GAN.
    """

    halving: Literal["fir", "blur", "box", "late"] = "fir"
    root2_in_weight: bool = False
    labels: Literal["projection", "own-logit", "classes"] = "projection"


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions:
    """Options shared by all layers of a discriminator."""

    form: DiscriminatorForm
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
        down: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_gain = 1 / math.sqrt(inputs * kernel * kernel)
        self.halving = options.form.halving if down else None
        self.gain, self.clamp = gain, options.clamp
        if options.form.root2_in_weight:
            # the operations apply √2 after the activation
            self.weight_gain *= math.sqrt(2)
            self.gain = math.sqrt(0.5)
        self.ops = pick_backend(options.backend)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, inputs, h, w]` to `[n, outputs, h or h/2, w or w/2]`, in the dtype of x."""
        weight = self.weight * self.weight_gain
        if self.halving in ("blur", "box"):
            blur = self.halving == "blur"
            y: Tensor = self.ops.box_down_conv(x, weight, self.bias, blur=blur)
            return y
        resample: Resample = "down" if self.halving == "fir" else None
        y = self.ops.conv(x, weight, self.bias, resample=resample, gain=self.gain, clamp=self.clamp)
        return halve(y) if self.halving == "late" else y


class Block(nn.Module):
    """Layers of one level, which halve the size."""

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
        self.conv1 = Conv(inputs, outputs, 3, options, down=True, gain=gain)
        if self.residual:
            self.skip = ResidualSkip(inputs, outputs, "down", options.backend)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the size of feature maps."""
        x = x.to(self.dtype)
        y: Tensor = self.conv1(self.conv0(x))
        return y + self.skip(x) if self.residual else y


class MinibatchStd(nn.Module):
    """Layer that appends the deviation within groups of samples, [PG] section 3.

    Sample i of n belongs to group i mod (n / group_size). Interleaved like this, processes that
    take every k-th sample form the same groups as one process.
    """

    def __init__(self, group_size: int, channels: int) -> None:
        super().__init__()
        self.group_size, self.channels = group_size, channels

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, c, h, w]` to `[n, c + channels, h, w]`; with 0 channels, return x."""
        if not self.channels:
            return x
        n, _, h, w = x.shape
        size = min(self.group_size, n)
        groups = x.reshape(size, n // size, self.channels, -1, h, w)
        # two means: var() across a batch is ten times slower on CPUs
        variance = (groups - groups.mean(0)).square().mean(0)
        deviation = (variance + EPSILON).sqrt()
        value = deviation.mean((2, 3, 4))[..., None, None]
        return torch.cat([x, value.repeat(size, 1, h, w)], dim=1)


class Epilogue(nn.Module):
    """Layers from the smallest feature maps, 4×4 for squares, to a score or to `outputs` scores."""

    def __init__(
        self,
        features: int,
        base: Size,
        outputs: int,
        options: DiscriminatorOptions,
        mbstd: MinibatchStd,
    ) -> None:
        super().__init__()
        if options.architecture in ("skip", "progressive"):
            # the original clamps all convolutions except this one
            self.fromrgb = Conv(options.channels, features, 1, replace(options, clamp=None))
        self.mbstd = mbstd
        self.conv = Conv(features + mbstd.channels, features, 3, options)
        early = options.form.root2_in_weight
        self.fc = Dense(features * base.area, features, lrelu=True, root2_in_weight=early)
        self.out = Dense(features, outputs)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the activations, which is that of the weights."""
        return self.out.weight.dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, features, h, w]` to `[n, outputs]`."""
        x = self.conv(self.mbstd(x.to(self.dtype)))
        result: Tensor = self.out(self.fc(x.flatten(1)))
        return result


class Discriminator(nn.Module):
    """D: the higher its verdict, the more real it takes an image to be.

    Attributes:
        lod: Levels still missing; 0 unless the architecture is progressive.
    """

    def __init__(
        self,
        section: DiscriminatorSection,
        *,
        form: DiscriminatorForm = DiscriminatorForm(),
        size: Size,
        channels: int,
        c_dim: int,
        dtype: torch.dtype = torch.float32,
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        self.lod = 0.0
        self.labels, self.architecture = form.labels, section.architecture
        self.c_dim, self.size, self.channels = c_dim, size, channels
        options = DiscriminatorOptions(
            form=form,
            architecture=section.architecture,
            channels=channels,
            clamp=section.conv_clamp,
            dtype=dtype,
            backend=backend,
        )
        features = features_by_level(size, section.channel_base, section.channel_max)
        self.levels = tuple(level for level in reversed(features) if level > 4)
        for level in self.levels:
            reads_image = section.architecture in ("skip", "progressive") or level == size.level
            block = Block(features[level], features[level // 2], options, reads_image=reads_image)
            self.add_module(f"b{level}", block)
        mbstd = MinibatchStd(section.mbstd_group_size, section.mbstd_channels)
        outputs = self._count_outputs(features[4])
        self.b4 = Epilogue(features[4], size.base, outputs, options, mbstd)
        if c_dim and form.labels == "projection":
            labels = MappingOptions(
                layers=section.mapping_layers, lr_multiplier=section.mapping_lr_multiplier
            )
            self.mapping = MappingNetwork(z_dim=0, c_dim=c_dim, w_dim=features[4], options=labels)
        self.ops = pick_backend(backend)

    def forward(self, images: Images, c: C) -> Verdict:
        """Return the logit of each image given its label, followed by those of classes (AC-GAN).

        Args:
            images: As large as the network has grown.
        """
        scores = self._features(images.contiguous(memory_format=torch.channels_last))
        if not self.c_dim or self.labels == "classes":
            return scores
        if self.labels == "own-logit":
            return (scores * c).sum(1, keepdim=True)
        label: Tensor = self.mapping(images.new_empty(len(images), 0), c)
        return (scores * label).sum(1, keepdim=True) / math.sqrt(scores.shape[1])

    def _count_outputs(self, features: int) -> int:
        if not self.c_dim:
            return 1
        outputs = {"projection": features, "own-logit": self.c_dim, "classes": 1 + self.c_dim}
        return outputs[self.labels]

    def _features(self, image: Tensor) -> Tensor:
        missing, share = split_lod(self.lod)
        first, *_ = levels = (*self.levels, 4)[missing:]
        x: Tensor | None = None
        shown: Tensor | None = image
        for level in levels:
            if shown is not None:
                x = self._read(shown, level, x)
                skips = self.architecture == "skip" and level > 4
                shown = self.ops.downsample(shown) if skips else None
            x = self.get_submodule(f"b{level}")(x)
            if share and level == first:
                x = fade(x, self._read(halve(image), level // 2), share)
        assert x is not None
        return x

    def _read(self, image: Tensor, level: int, x: Tensor | None = None) -> Tensor:
        """Convert an image of this level to feature maps, and add them to x."""
        block = self.get_submodule(f"b{level}")
        assert isinstance(block, Block | Epilogue)
        read: Tensor = block.fromrgb(image.to(block.dtype))
        return read if x is None else x.to(read.dtype) + read
