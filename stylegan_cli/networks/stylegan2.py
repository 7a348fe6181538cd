"""StyleGAN2: modulated convolutions, [SG2].

Parameters have the names of the PyTorch release. Convolution weights are stored in correlation
orientation throughout; that release reverses those of layers that double the size.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.discriminators import DiscriminatorForm
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.generator import Blueprint, Synthesis, noise_by_layer
from stylegan_cli.networks.layers import (
    Dense,
    Frozen,
    FrozenDense,
    FrozenRGB,
    ResidualSkip,
    cast,
    conv_weight,
    fade,
    freeze_layers,
    generator_features,
    grown,
    randn,
    split_lod,
    twice,
    upscale,
)
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.ops import fast, fir, pick_backend
from stylegan_cli.ops.autograd import conv2d, conv2d_up
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE
from stylegan_cli.recipe import families
from stylegan_cli.shapes import Images, Ws
from stylegan_cli.sizes import Size


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias and leaky ReLU, [SG2] figure 2d."""

    noise_const: Tensor

    def __init__(
        self, inputs: int, outputs: int, size: Size, blueprint: Blueprint, *, up: bool
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 3)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = Dense(blueprint.w_dim, inputs, bias_init=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", randn(*size.shape))
        self.up, self.clamp = up, blueprint.recipe.generator.conv_clamp
        self.ops = pick_backend(blueprint.backend)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """Map `[n, inputs, h, w]` to `[n, outputs, h, w or 2h, 2w]`."""
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
        return FrozenLayer(self, dtype)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to image channels, without demodulation or noise."""

    def __init__(self, inputs: int, blueprint: Blueprint) -> None:
        super().__init__()
        self.weight = conv_weight(blueprint.channels, inputs, 1)
        self.bias = nn.Parameter(torch.zeros(blueprint.channels))
        self.affine = Dense(blueprint.w_dim, inputs, bias_init=1.0)
        self.style_gain = 1 / math.sqrt(inputs)
        self.clamp = blueprint.recipe.generator.conv_clamp
        self.ops = pick_backend(blueprint.backend)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map feature maps to float32 images."""
        style = self.affine(w) * self.style_gain
        image: Tensor = self.ops.to_rgb(x, self.weight, style, self.bias, clamp=self.clamp)
        return image

    def frozen(self, _: torch.dtype) -> FrozenRGB:
        return FrozenRGB(
            self.affine, self.weight, self.bias, gain=self.style_gain, clamp=self.clamp
        )


class SynthesisBlock(nn.Module):
    """Layers of one level; the first block starts from a learned constant.

    Args:
        inputs: Channels of the previous block; 0 for the first block.
    """

    def __init__(
        self, inputs: int, outputs: int, size: Size, blueprint: Blueprint, *, rgb: bool
    ) -> None:
        super().__init__()
        self.residual = blueprint.recipe.generator.architecture == "resnet" and inputs > 0
        self.num_convs = 2 if inputs else 1
        self.has_rgb = rgb
        if inputs:
            self.dtype = blueprint.dtype
            self.conv0 = SynthesisLayer(inputs, outputs, size, blueprint, up=True)
        else:
            self.dtype = torch.promote_types(blueprint.dtype, torch.float32)
            self.const = nn.Parameter(randn(outputs, *size.shape))
        self.conv1 = SynthesisLayer(outputs, outputs, size, blueprint, up=False)
        if rgb:
            self.torgb = ToRGB(outputs, blueprint)
        if self.residual:
            self.skip = ResidualSkip(inputs, outputs, "up", blueprint.backend)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Compute this level from the previous one.

        Args:
            ws: `[n, num_convs, w_dim]`.
            noise: One map per convolution.
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
        """Freeze the layers; the first block keeps its type of activations."""
        if hasattr(self, "conv0"):
            self.dtype = dtype
        freeze_layers(self, self.dtype)
        return self


class ModulatedSynthesis(Synthesis):
    """Network from one w per layer to images, [SG2] section 4.1 and figure 7."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        features = generator_features(blueprint.recipe)
        self.size, self.levels = blueprint.recipe.data.size, tuple(features)
        self.architecture = blueprint.recipe.generator.architecture
        inputs = 0
        for level, outputs in features.items():
            rgb = self.architecture in ("skip", "progressive") or level == self.levels[-1]
            block = SynthesisBlock(inputs, outputs, self.size.at(level), blueprint, rgb=rgb)
            self.add_module(f"b{level}", block)
            inputs = outputs
        self.num_ws = 2 * len(self.levels)
        self.ops = pick_backend(blueprint.backend)

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        return twice(tuple(self.size.at(level) for level in grown(self.levels, self.lod)))[1:]

    @property
    def layer_levels(self) -> tuple[int, ...]:
        return twice(self.levels)

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        maps = noise_by_layer(self, noise)
        x: Tensor | None = None
        images: list[Tensor] = []
        layer = 0
        for level in grown(self.levels, self.lod):
            block = self.get_submodule(f"b{level}")
            assert isinstance(block, SynthesisBlock)
            end = layer + block.num_convs
            x = block(x, ws[:, layer:end], maps[layer:end])
            if level in self._image_levels():
                images.append(block.torgb(x, ws[:, end]))
            layer = end
        return self._put_together(images)

    def frozen(self, dtype: torch.dtype) -> Synthesis:
        self.ops = fast
        return super().frozen(dtype)

    def _image_levels(self) -> tuple[int, ...]:
        """Return the levels whose toRGB layers contribute to the image."""
        levels = grown(self.levels, self.lod)
        if self.architecture == "skip":
            return levels
        _, share = split_lod(self.lod)
        return levels[-2:] if share else levels[-1:]

    def _put_together(self, images: Sequence[Tensor]) -> Tensor:
        image = images[0]
        if self.architecture == "skip":
            for rgb in images[1:]:
                image = self.ops.upsample(image) + rgb
        elif len(images) > 1:
            _, share = split_lod(self.lod)
            image = fade(images[1], upscale(image, self.size >> int(self.lod)), share)
        return image


class FrozenLayer(Frozen):
    """`SynthesisLayer` for drawing: kernel cast, its energy summed, the tail in place."""

    bias: Tensor

    def __init__(self, layer: SynthesisLayer, dtype: torch.dtype) -> None:
        weight = layer.weight.detach()
        # a transposed convolution applies its kernel reversed
        kernel = weight.flip((2, 3)).transpose(0, 1) if layer.up else weight
        super().__init__(
            weight=cast(kernel, dtype),
            energy=weight.square().sum((2, 3)).T,
            bias=layer.bias,
            noise_const=layer.noise_const,
            noise_strength=layer.noise_strength,
        )
        self.affine, self.up, self.clamp = FrozenDense(layer.affine), layer.up, layer.clamp

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
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


register(
    Family(
        name="stylegan2",
        keys=families.keys_of("stylegan2"),
        synthesis=ModulatedSynthesis,
        discriminator=lambda section: DiscriminatorForm(labels=section.labels),
    )
)
