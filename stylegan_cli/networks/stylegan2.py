"""The synthesis network of StyleGAN2, [SG2].

Parameter names are those of the PyTorch release; convolution weights are stored in correlation
orientation throughout (that release stores up-sampling weights reversed).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.layers import (
    Dense,
    FrozenDense,
    ResidualSkip,
    cast,
    conv_weight,
    fade,
    features_by_side,
    freeze_layers,
    split_lod,
    to_image,
    upscale,
)
from stylegan_cli.networks.noise import NoiseInput, noise_layers
from stylegan_cli.networks.synthesis import Synthesis
from stylegan_cli.ops import BackendName, fast, fir, pick_backend
from stylegan_cli.ops.conv import conv2d, conv2d_up
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE
from stylegan_cli.recipe import Settled, families
from stylegan_cli.recipe.sections import Architecture
from stylegan_cli.shapes import Images, Ws


@dataclass(frozen=True, kw_only=True)
class SynthesisOptions:
    """What all layers of a synthesis network share.

    Attributes:
        channels: Of the image.
        clamp: Limit of every layer's result, or None.
        dtype: Type of the activations from 8×8 on.
    """

    architecture: Architecture
    w_dim: int
    channels: int
    clamp: float | None
    dtype: torch.dtype
    backend: BackendName


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias and leaky ReLU, [SG2] figure 2d."""

    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, resolution: int, options: SynthesisOptions, *, up: bool
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 3)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = Dense(options.w_dim, inputs, bias_init=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.resolution, self.up, self.clamp = resolution, up, options.clamp
        self.ops = pick_backend(options.backend)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, resolution, resolution]`."""
        scaled_noise = None if noise is None else noise * self.noise_strength
        result: Tensor = self.ops.styled_conv(
            x,
            self.weight,
            self.affine(w),
            scaled_noise,
            self.bias,
            up=self.up,
            gain=gain,
            clamp=self.clamp,
        )
        return result

    def frozen(self, dtype: torch.dtype) -> "FrozenLayer":
        """The same layer for drawing."""
        return FrozenLayer(self, dtype)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to image channels, not demodulated, without noise."""

    def __init__(self, inputs: int, options: SynthesisOptions) -> None:
        super().__init__()
        self.weight = conv_weight(options.channels, inputs, 1)
        self.bias = nn.Parameter(torch.zeros(options.channels))
        self.affine = Dense(options.w_dim, inputs, bias_init=1.0)
        self.style_gain = 1 / math.sqrt(inputs)
        self.clamp = options.clamp
        self.ops = pick_backend(options.backend)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Float32 image of the feature map x."""
        style = self.affine(w) * self.style_gain
        image: Tensor = self.ops.to_rgb(x, self.weight, style, self.bias, clamp=self.clamp)
        return image

    def frozen(self, _: torch.dtype) -> "FrozenRGB":
        """The same layer for drawing."""
        return FrozenRGB(self)


class SynthesisBlock(nn.Module):
    """The layers of one resolution; the 4×4 block starts from a learned constant.

    Args:
        inputs: Channels of the block before; 0 for the 4×4 block.
        rgb: Whether the block has a toRGB layer.
    """

    def __init__(
        self, inputs: int, outputs: int, resolution: int, options: SynthesisOptions, *, rgb: bool
    ) -> None:
        super().__init__()
        self.residual = options.architecture == "resnet" and inputs > 0
        self.num_convs = 2 if inputs else 1
        self.has_rgb = rgb
        if inputs:
            self.dtype = options.dtype
            self.conv0 = SynthesisLayer(inputs, outputs, resolution, options, up=True)
        else:
            self.dtype = torch.promote_types(options.dtype, torch.float32)
            self.const = nn.Parameter(torch.randn(outputs, 4, 4))
        self.conv1 = SynthesisLayer(outputs, outputs, resolution, options, up=False)
        if rgb:
            self.torgb = ToRGB(outputs, options)
        if self.residual:
            self.skip = ResidualSkip(inputs, outputs, "up", options.backend)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Feature map of this resolution from the one before.

        Args:
            ws: `[n, num_convs, w_dim]`.
            noise: One map for each convolution.
        """
        if x is None:
            start = self.const.expand(ws.shape[0], -1, -1, -1)
            x = start.to(self.dtype).contiguous(memory_format=torch.channels_last)
            y: Tensor = self.conv1(x, ws[:, 0], noise[0])
            return y
        x = x.to(self.dtype)
        gain = math.sqrt(0.5) if self.residual else 1.0
        y = self.conv1(self.conv0(x, ws[:, 0], noise[0]), ws[:, 1], noise[1], gain)
        return y + self.skip(x) if self.residual else y

    def frozen(self, dtype: torch.dtype) -> "SynthesisBlock":
        """The block with frozen layers; that at 4×4 keeps its type."""
        if hasattr(self, "conv0"):
            self.dtype = dtype
        freeze_layers(self, self.dtype)
        return self


class ModulatedSynthesis(Synthesis):
    """From one w per layer to images, [SG2] section 4.1 and figure 7.

    Attributes:
        lod: Levels still missing; 0 unless the architecture is progressive.

    Args:
        features: Feature maps of each resolution, from 4×4 up.
    """

    def __init__(self, features: Mapping[int, int], options: SynthesisOptions) -> None:
        super().__init__()
        self.lod = 0.0
        self.resolutions = tuple(features)
        self.architecture = options.architecture
        inputs = 0
        for side, outputs in features.items():
            rgb = options.architecture in ("skip", "progressive") or side == self.resolutions[-1]
            self.add_module(f"b{side}", SynthesisBlock(inputs, outputs, side, options, rgb=rgb))
            inputs = outputs
        self.num_ws = 2 * len(self.resolutions)
        self.ops = pick_backend(options.backend)

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """Side of every noise input, as far as the network has grown."""
        return (4, *(side for side in self._active_sides()[1:] for _ in range(2)))

    @property
    def layer_sides(self) -> tuple[int, ...]:
        """Side at which each code acts."""
        return tuple(side for side in self.resolutions for _ in range(2))

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """Images of the styles, as large as the network has grown; float32.

        Args:
            noise: "const" takes the maps stored in the network, "none" none; or one
                `[n or 1, 1, r, r]` map per noise layer.
        """
        maps = self._noise_maps(noise)
        x: Tensor | None = None
        images: list[Tensor] = []
        layer = 0
        for side in self._active_sides():
            block = self._block(side)
            end = layer + block.num_convs
            x = block(x, ws[:, layer:end], maps[layer:end])
            if side in self._image_sides():
                images.append(block.torgb(x, ws[:, end]))
            layer = end
        return self._put_together(images)

    def frozen(self, dtype: torch.dtype) -> Synthesis:
        """Turn into a network that draws the same images with less work."""
        self.ops = fast
        return super().frozen(dtype)

    def _active_sides(self) -> tuple[int, ...]:
        levels, _ = split_lod(self.lod)
        return self.resolutions[: len(self.resolutions) - levels]

    def _image_sides(self) -> tuple[int, ...]:
        """The resolutions whose toRGB layers take part in the image."""
        sides = self._active_sides()
        if self.architecture == "skip":
            return sides
        _, share = split_lod(self.lod)
        return sides[-2:] if share else sides[-1:]

    def _put_together(self, images: Sequence[Tensor]) -> Tensor:
        image = images[0]
        if self.architecture == "skip":
            for rgb in images[1:]:
                image = self.ops.upsample(image) + rgb
        elif len(images) > 1:
            _, share = split_lod(self.lod)
            image = fade(images[1], upscale(image, images[1].shape[-1]), share)
        return image

    def _block(self, side: int) -> SynthesisBlock:
        block = self.get_submodule(f"b{side}")
        assert isinstance(block, SynthesisBlock)
        return block

    def _noise_maps(self, noise: NoiseInput) -> Sequence[Tensor | None]:
        if noise == "none":
            return [None] * self.num_ws
        if noise == "const":
            return [layer.noise_const[None, None] for layer in noise_layers(self)]
        return noise


class FrozenLayer(nn.Module):
    """As `stylegan2.SynthesisLayer`: the kernel cast, its energy summed, tails in place."""

    weight: Tensor
    energy: Tensor
    bias: Tensor
    noise_const: Tensor
    noise_strength: Tensor

    def __init__(self, layer: SynthesisLayer, dtype: torch.dtype) -> None:
        super().__init__()
        weight, self.up, self.clamp = layer.weight.detach(), layer.up, layer.clamp
        self.affine = FrozenDense(layer.affine)
        # a transposed convolution applies its kernel reversed
        kernel = weight.flip((2, 3)).transpose(0, 1) if layer.up else weight
        self.register_buffer("weight", cast(kernel, dtype))
        self.register_buffer("energy", weight.square().sum((2, 3)).T)
        self.register_buffer("bias", layer.bias.detach())
        self.register_buffer("noise_const", layer.noise_const)
        self.register_buffer("noise_strength", layer.noise_strength.detach())

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, resolution, resolution]`."""
        style, factor = self.affine(w), gain * math.sqrt(2)
        y = self._convolve(x * style.to(x.dtype)[..., None, None])
        demodulation = (style.square() @ self.energy + EPSILON).rsqrt() * factor
        y.mul_(demodulation.to(y.dtype)[..., None, None])
        if noise is not None:
            y.add_((noise * (self.noise_strength * factor)).to(y.dtype))
        y.add_((self.bias * factor).to(y.dtype)[:, None, None])
        F.leaky_relu_(y, LRELU_SLOPE)
        return y if self.clamp is None else y.clamp_(-self.clamp * gain, self.clamp * gain)

    def _convolve(self, x: Tensor) -> Tensor:
        if self.up:
            return fir.blur(conv2d_up(x, self.weight), padding=1, gain=4.0)
        return conv2d(x, self.weight, padding=1)


class FrozenRGB(nn.Module):
    """As `stylegan2.ToRGB`, one matrix product a sample."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: ToRGB) -> None:
        super().__init__()
        self.affine = FrozenDense(layer.affine, layer.style_gain)
        self.register_buffer("weight", layer.weight.detach()[:, :, 0, 0])
        self.register_buffer("bias", layer.bias.detach())
        self.clamp = layer.clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Float32 image of the feature map x."""
        image = to_image(x, self.weight * self.affine(w)[:, None], self.bias)
        return image if self.clamp is None else image.clamp_(-self.clamp, self.clamp)


def _synthesis(
    recipe: Settled, *, w_dim: int, dtype: torch.dtype, backend: BackendName
) -> ModulatedSynthesis:
    section = recipe.generator
    options = SynthesisOptions(
        architecture=section.architecture,
        w_dim=w_dim,
        channels=recipe.data.channels,
        clamp=section.conv_clamp,
        dtype=dtype,
        backend=backend,
    )
    features = features_by_side(recipe.data.resolution, section.channel_base, section.channel_max)
    return ModulatedSynthesis(features, options)


register(Family(name="stylegan2", keys=families.keys_of("stylegan2"), synthesis=_synthesis))
