"""Progressive GAN: a latent at the input of a stack of convolutions, [PG] table 2.

With `[1, 2, 1]` filters, its generator is configuration B of [SG1].
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.discriminators import DiscriminatorForm
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.generator import Blueprint, Synthesis, noise_by_layer
from stylegan_cli.networks.layers import (
    Frozen,
    cast,
    conv_weight,
    fade,
    freeze_layers,
    generator_features,
    grown,
    normalize,
    randn,
    split_lod,
    to_image,
    twice,
    upscale,
)
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.ops import BackendName, fir, pick_backend
from stylegan_cli.ops.autograd import conv2d, conv2d_up
from stylegan_cli.ops.fast import box_kernel
from stylegan_cli.ops.reference import BLUR, LRELU_SLOPE
from stylegan_cli.recipe import families
from stylegan_cli.shapes import Images, Ws
from stylegan_cli.sizes import Size


class LatentInput(nn.Module):
    """Dense layer without bias from a latent to the first feature map, 4×4 for squares."""

    def __init__(self, w_dim: int, features: int, base: Size) -> None:
        super().__init__()
        self.base = base
        self.weight = nn.Parameter(randn(features * base.area, w_dim))
        # the original uses a quarter of the usual gain
        self.weight_gain = math.sqrt(2) / 4 / math.sqrt(w_dim)

    def forward(self, w: Tensor) -> Tensor:
        """Map `[n, w_dim]` to `[n, features, h, w]`."""
        x = F.linear(w, self.weight * self.weight_gain).reshape(w.shape[0], -1, *self.base.shape)
        return x.contiguous(memory_format=torch.channels_last)


class ProgressiveConv(nn.Module):
    """Linear 3×3 convolution with equalized learning rate and a gain of √2.

    Args:
        up: Double the size first, by repeating each pixel.
        blur: As of `Form`, and so is `early_bias`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        up: bool,
        blur: bool,
        early_bias: bool = False,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 3)
        self.bias = nn.Parameter(torch.zeros(outputs)) if up and early_bias else None
        self.weight_gain = math.sqrt(2) / math.sqrt(inputs * 9)
        self.up, self.blur = up, blur
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[n, inputs, h, w]` to `[n, outputs, h or 2h, w or 2w]`."""
        weight = self.weight * self.weight_gain
        y: Tensor
        if self.up:
            y = self.ops.box_up_conv(x, weight, self.bias, blur=self.blur)
        else:
            y = self.ops.conv(x, weight, None, lrelu=False)
        return y

    def frozen(self, dtype: torch.dtype) -> "FrozenConv":
        return FrozenConv(self, dtype)


class ProgressiveRGB(nn.Module):
    """1×1 convolution to image channels."""

    def __init__(self, inputs: int, channels: int, backend: BackendName) -> None:
        super().__init__()
        self.weight = conv_weight(channels, inputs, 1)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight_gain = 1 / math.sqrt(inputs)
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """Map feature maps to float32 images."""
        scale = self.bias.new_full(x.shape[:2], self.weight_gain)
        image: Tensor = self.ops.to_rgb(x, self.weight, scale, self.bias)
        return image

    def frozen(self, _: torch.dtype) -> "FrozenProgressiveRGB":
        return FrozenProgressiveRGB(self)


class ProgressiveTail(nn.Module):
    """Bias, leaky ReLU and pixel norm after each operation."""

    def __init__(self, features: int, _: Size, blueprint: Blueprint, *, bias: bool = True) -> None:
        super().__init__()
        assert bias, "styled networks alone may lack it"
        self.bias = nn.Parameter(torch.zeros(features))
        self.ops = pick_backend(blueprint.backend)

    def forward(self, x: Tensor, *_: object) -> Tensor:
        return normalize(self.ops.noise_bias_act(x, None, None, self.bias))

    def frozen(self, dtype: torch.dtype) -> "FrozenProgressiveTail":
        return FrozenProgressiveTail(self, dtype)


@dataclass(frozen=True, kw_only=True)
class Form:
    """Traits that tell the synthesis networks of [PG] and [SG1] apart.

    Attributes:
        blur: Filter with `[1, 2, 1]` after doubling the size.
        early_bias: Add a bias before that filter, and none in the layer after it.
        start: Builds the first feature map, from lengths of codes and maps, and their size.
        tail: Builds the layer after each operation.
        styles: Each layer takes its own code; otherwise one drives the first.
        noise: Layers have noise inputs.
    """

    blur: bool = False
    early_bias: bool = False
    start: Callable[[int, int, Size], nn.Module] = LatentInput
    tail: Callable[..., nn.Module] = ProgressiveTail
    styles: bool = False
    noise: bool = False


class ProgressiveBlock(nn.Module):
    """Layers of one level; the first, which has no inputs, starts from the codes."""

    def __init__(
        self, inputs: int, outputs: int, size: Size, blueprint: Blueprint, form: Form
    ) -> None:
        super().__init__()
        backend, early = blueprint.backend, form.early_bias
        if inputs:
            self.dtype = blueprint.dtype
            self.conv0 = ProgressiveConv(
                inputs, outputs, up=True, blur=form.blur, early_bias=early, backend=backend
            )
        else:
            self.dtype = torch.promote_types(blueprint.dtype, torch.float32)
            self.input = form.start(blueprint.w_dim, outputs, size)
        self.tail0 = form.tail(outputs, size, blueprint, bias=not early)
        self.conv1 = ProgressiveConv(outputs, outputs, up=False, blur=form.blur, backend=backend)
        self.tail1 = form.tail(outputs, size, blueprint)
        self.torgb = ProgressiveRGB(outputs, blueprint.channels, backend)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Compute this level from the previous one.

        Args:
            ws: `[n, 2, w_dim]`.
            noise: One map per layer.
        """
        x = self.input(ws[:, 0]) if x is None else self.conv0(x.to(self.dtype))
        x = self.conv1(self.tail0(x, ws[:, 0], noise[0]))
        y: Tensor = self.tail1(x, ws[:, 1], noise[1])
        return y

    def frozen(self, dtype: torch.dtype) -> "ProgressiveBlock":
        """Freeze the layers; the first block keeps its type of activations."""
        if hasattr(self, "conv0"):
            self.dtype = dtype
        freeze_layers(self, self.dtype)
        return self


class ProgressiveSynthesis(Synthesis):
    """Network of blocks that double the size, from one code, or one per layer, to images."""

    def __init__(self, blueprint: Blueprint, form: Form) -> None:
        super().__init__()
        features = generator_features(blueprint.recipe)
        self.size, self.levels = blueprint.recipe.data.size, tuple(features)
        self.has_noise = form.noise
        inputs = 0
        for level, outputs in features.items():
            block = ProgressiveBlock(inputs, outputs, self.size.at(level), blueprint, form)
            self.add_module(f"b{level}", block)
            inputs = outputs
        self.num_ws = 2 * len(self.levels) if form.styles else 1

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        if not self.has_noise:
            return ()
        return twice(tuple(self.size.at(level) for level in grown(self.levels, self.lod)))

    @property
    def layer_levels(self) -> tuple[int, ...]:
        return twice(self.levels) if self.num_ws > 1 else (4,)

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """Make float32 images as large as the network has grown."""
        before: Tensor | None = None
        x: Tensor | None = None
        layers = 2 * len(self.levels)
        ws = ws.expand(-1, layers, -1)
        maps = noise_by_layer(self, noise) if self.has_noise else [None] * layers
        for i, level in enumerate(grown(self.levels, self.lod)):
            own = slice(2 * i, 2 * i + 2)
            before, x = x, self.get_submodule(f"b{level}")(x, ws[:, own], maps[own])
        image: Tensor = self.get_submodule(f"b{level}.torgb")(x)
        _, share = split_lod(self.lod)
        if share:
            smaller = self.get_submodule(f"b{level // 2}.torgb")(before)
            image = fade(image, upscale(smaller, self.size.at(level)), share)
        return image


class FrozenConv(Frozen):
    """`Conv` for drawing; where the size doubles, the 4×4 kernel is summed in advance."""

    bias: Tensor | None

    def __init__(self, layer: ProgressiveConv, dtype: torch.dtype) -> None:
        weight = layer.weight.detach() * layer.weight_gain
        # a transposed convolution applies its kernel reversed
        kernel = box_kernel(weight.flip((2, 3))).transpose(0, 1) if layer.up else weight
        bias = None if layer.bias is None else layer.bias.to(dtype)[:, None, None]
        super().__init__(weight=cast(kernel, dtype), bias=bias)
        self.up, self.blur = layer.up, layer.blur

    def forward(self, x: Tensor) -> Tensor:
        if not self.up:
            return conv2d(x, self.weight, padding=1)
        y = conv2d_up(x, self.weight, padding=1)
        if self.bias is not None:
            y.add_(self.bias)
        return fir.blur(y, padding=1, taps=BLUR) if self.blur else y


class FrozenProgressiveRGB(Frozen):
    """`ProgressiveRGB` for drawing."""

    bias: Tensor

    def __init__(self, layer: ProgressiveRGB) -> None:
        super().__init__(weight=layer.weight[:, :, 0, 0] * layer.weight_gain, bias=layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return to_image(x, self.weight.expand(x.shape[0], -1, -1), self.bias)


class FrozenProgressiveTail(Frozen):
    """`ProgressiveTail` for drawing, in place where possible."""

    bias: Tensor

    def __init__(self, layer: ProgressiveTail, dtype: torch.dtype) -> None:
        super().__init__(bias=layer.bias.to(dtype)[:, None, None])

    def forward(self, x: Tensor, *_: object) -> Tensor:
        """Map a feature map to one of the same shape; overwrites x."""
        return normalize(F.leaky_relu_(x.add_(self.bias), LRELU_SLOPE))


register(
    Family(
        name="progan",
        keys=families.keys_of("progan"),
        synthesis=lambda blueprint: ProgressiveSynthesis(blueprint, Form()),
        labels="joined",
        root2_in_weight=True,
        discriminator=lambda section: DiscriminatorForm(
            halving="box" if section.fused_scale else "late",
            root2_in_weight=True,
            labels="classes",
        ),
    )
)
