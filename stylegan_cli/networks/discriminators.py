"""Discriminators of StyleGAN2, [SG2] section 4.1 and figure 7; projection of labels as in [ADA]."""

import math

import torch
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, channels_at, conv_weight
from stylegan_cli.networks.mapping import Mapping
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.ops.reference import EPSILON, Resample
from stylegan_cli.recipe import DiscriminatorSection
from stylegan_cli.shapes import C, Images, Logits


class Conv(nn.Module):
    """Convolution with equalized learning rate, bias and leaky ReLU.

    Args:
        lrelu: False leaves out bias and activation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        resample: Resample = None,
        lrelu: bool = True,
        gain: float = 1.0,
        clamp: float | None = None,
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs)) if lrelu else None
        self.weight_gain = 1 / math.sqrt(inputs * kernel * kernel)
        self.resample, self.lrelu, self.gain, self.clamp = resample, lrelu, gain, clamp
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, h or h/2, w or w/2]`, in the dtype of x."""
        y: Tensor = self.ops.conv(
            x,
            self.weight * self.weight_gain,
            self.bias,
            resample=self.resample,
            lrelu=self.lrelu,
            gain=self.gain,
            clamp=self.clamp,
        )
        return y


class Block(nn.Module):
    """The layers of one resolution, halving it.

    Args:
        rgb_channels: Channels of the image this block reads too; 0 reads none.
        dtype: Type of the activations.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rgb_channels: int,
        residual: bool,
        clamp: float | None,
        dtype: torch.dtype,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.dtype, self.residual, self.reads_image = dtype, residual, rgb_channels > 0
        if self.reads_image:
            self.fromrgb = Conv(rgb_channels, inputs, 1, clamp=clamp, backend=backend)
        gain = math.sqrt(0.5) if residual else 1.0
        self.conv0 = Conv(inputs, inputs, 3, clamp=clamp, backend=backend)
        self.conv1 = Conv(
            inputs, outputs, 3, resample="down", gain=gain, clamp=clamp, backend=backend
        )
        if residual:
            self.skip = Conv(
                inputs, outputs, 1, resample="down", lrelu=False, gain=gain, backend=backend
            )

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
        section: DiscriminatorSection,
        *,
        rgb_channels: int,
        backend: BackendName,
    ) -> None:
        super().__init__()
        if rgb_channels:
            self.fromrgb = Conv(rgb_channels, features, 1, backend=backend)
        self.mbstd = MinibatchStd(section.mbstd_group_size, section.mbstd_channels)
        self.conv = Conv(
            features + section.mbstd_channels,
            features,
            3,
            clamp=section.conv_clamp,
            backend=backend,
        )
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
        channel_base: Feature maps times resolution, up to channel_max.
    """

    def __init__(
        self,
        section: DiscriminatorSection,
        *,
        channel_base: int,
        channel_max: int,
        resolution: int,
        channels: int,
        c_dim: int,
        dtype: torch.dtype = torch.float32,
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        self.c_dim, self.resolution, self.channels = c_dim, resolution, channels
        self.sides = tuple(2**i for i in range(int(math.log2(resolution)), 2, -1))
        self.skip_images = section.architecture == "skip"
        for side in self.sides:
            reads_image = self.skip_images or side == resolution
            block = Block(
                channels_at(side, channel_base, channel_max),
                channels_at(side // 2, channel_base, channel_max),
                rgb_channels=channels if reads_image else 0,
                residual=section.architecture == "resnet",
                clamp=section.conv_clamp,
                dtype=dtype,
                backend=backend,
            )
            self.add_module(f"b{side}", block)
        features = channels_at(4, channel_base, channel_max)
        self.b4 = Epilogue(
            features,
            features if c_dim else 1,
            section,
            rgb_channels=channels if self.skip_images else 0,
            backend=backend,
        )
        if c_dim:
            self.mapping = Mapping(
                z_dim=0, c_dim=c_dim, w_dim=features, layers=section.mapping_layers
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
