"""StyleGAN: adaptive instance normalization and noise in every layer, [SG1].

Convolution weights are stored in correlation orientation throughout; the original reverses those
of layers that double the size from 128 px up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    freeze_layers,
    generator_features,
    grown,
    randn,
    twice,
)
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.progan import (
    LatentInput,
    ProgressiveConv,
    ProgressiveRGB,
    TraditionalSynthesis,
    grown_image,
)
from stylegan_cli.ops import fast, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE
from stylegan_cli.recipe import families
from stylegan_cli.recipe.architecture import Variant
from stylegan_cli.shapes import Images, Ws
from stylegan_cli.sizes import Size


@dataclass(frozen=True)
class _Variant:
    """Differences between programs whose weights can be read.

    Attributes:
        early_bias: Add the bias of layers that double the size before the filter, not after the
            noise; the constant has none.
        epsilon: Added to the variance of a channel before its square root.
    """

    early_bias: bool = False
    epsilon: float = EPSILON


_VARIANTS: Mapping[Variant, _Variant] = {
    "original": _Variant(),
    "rosinality": _Variant(early_bias=True, epsilon=1e-5),
}


class ConstInput(nn.Module):
    """Learned feature map, 4×4 for squares, the same for every image."""

    def __init__(self, features: int, base: Size) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(features, *base.shape))

    def forward(self, w: Tensor) -> Tensor:
        """Return `[n, features, h, w]`, whatever w is."""
        start = self.const.expand(w.shape[0], -1, -1, -1)
        return start.contiguous(memory_format=torch.channels_last)

    def frozen(self, _: torch.dtype) -> "FrozenConst":
        return FrozenConst(self)


class StyledTail(nn.Module):
    """Noise, bias, leaky ReLU and style after each operation, [SG1] figure 1b."""

    noise_const: Tensor

    def __init__(
        self, features: int, size: Size, blueprint: Blueprint, *, bias: bool = True
    ) -> None:
        super().__init__()
        section = blueprint.recipe.generator
        if section.noise:
            self.noise_strength = nn.Parameter(torch.zeros(features))
            self.register_buffer("noise_const", randn(*size.shape))
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None
        self.affine = Dense(blueprint.w_dim, 2 * features)
        self.epsilon = _VARIANTS[section.variant].epsilon
        self.ops = pick_backend(blueprint.backend)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Map a feature map to one of the same shape."""
        strength = None if noise is None else self.noise_strength
        x = self.ops.noise_bias_act(x, noise, strength, self.bias)
        y: Tensor = self.ops.adain(x, self.affine(w), self.epsilon)
        return y

    def frozen(self, dtype: torch.dtype) -> "FrozenStyledTail":
        return FrozenStyledTail(self, dtype)


class StyledBlock(nn.Module):
    """Layers of one level; the first block starts from a constant or from w.

    Args:
        inputs: Channels of the previous block; 0 for the first block.
    """

    def __init__(self, inputs: int, outputs: int, size: Size, blueprint: Blueprint) -> None:
        super().__init__()
        backend, section = blueprint.backend, blueprint.recipe.generator
        early = _VARIANTS[section.variant].early_bias
        if inputs:
            self.dtype = blueprint.dtype
            self.conv0 = ProgressiveConv(
                inputs, outputs, up=True, blur=True, early_bias=early, backend=backend
            )
        else:
            self.dtype = torch.promote_types(blueprint.dtype, torch.float32)
            self.input = (
                ConstInput(outputs, size)
                if section.input == "const"
                else LatentInput(blueprint.w_dim, outputs, size)
            )
        self.tail0 = StyledTail(outputs, size, blueprint, bias=not early)
        self.conv1 = ProgressiveConv(outputs, outputs, up=False, blur=True, backend=backend)
        self.tail1 = StyledTail(outputs, size, blueprint)
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

    def frozen(self, dtype: torch.dtype) -> "StyledBlock":
        """Freeze the layers; the first block keeps its type of activations."""
        if hasattr(self, "conv0"):
            self.dtype = dtype
        freeze_layers(self, self.dtype)
        return self


class StyledSynthesis(Synthesis):
    """Network from one w per layer to images, [SG1] section 2."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        features = generator_features(blueprint.recipe)
        self.size, self.levels = blueprint.recipe.data.size, tuple(features)
        self.has_noise = blueprint.recipe.generator.noise
        inputs = 0
        for level, outputs in features.items():
            block = StyledBlock(inputs, outputs, self.size.at(level), blueprint)
            self.add_module(f"b{level}", block)
            inputs = outputs
        self.num_ws = 2 * len(self.levels)

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        if not self.has_noise:
            return ()
        return twice(tuple(self.size.at(level) for level in grown(self.levels, self.lod)))

    @property
    def layer_levels(self) -> tuple[int, ...]:
        return twice(self.levels)

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        before: Tensor | None = None
        x: Tensor | None = None
        maps = noise_by_layer(self, noise if self.has_noise else "none")
        for i, level in enumerate(grown(self.levels, self.lod)):
            layers = slice(2 * i, 2 * i + 2)
            before, x = x, self.get_submodule(f"b{level}")(x, ws[:, layers], maps[layers])
        return grown_image(self, self.size.at(level), before, x)


class FrozenConst(Frozen):
    """`ConstInput` for drawing, laid out in memory as convolutions want it."""

    const: Tensor

    def __init__(self, layer: ConstInput) -> None:
        const = layer.const[None]
        super().__init__(const=const.contiguous(memory_format=torch.channels_last))

    def forward(self, w: Tensor) -> Tensor:
        """Return `[n, features, h, w]`, whatever w is; the caller may overwrite it."""
        return self.const.repeat(w.shape[0], 1, 1, 1)


class FrozenStyledTail(Frozen):
    """`StyledTail` for drawing, in place where possible."""

    bias: Tensor | None

    def __init__(self, layer: StyledTail, dtype: torch.dtype) -> None:
        bias = None if layer.bias is None else layer.bias.to(dtype)[:, None, None]
        noise = {}
        if hasattr(layer, "noise_const"):
            noise = {"noise_const": layer.noise_const, "noise_strength": layer.noise_strength}
        super().__init__(bias=bias, **noise)
        self.affine = FrozenDense(layer.affine)
        self.epsilon = layer.epsilon

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Map a feature map to one of the same shape; overwrites x."""
        if self.bias is not None:
            x.add_(self.bias)
        if noise is not None:
            x.addcmul_(noise.to(x.dtype), self.noise_strength.to(x.dtype)[:, None, None])
        return fast.adain(F.leaky_relu_(x, LRELU_SLOPE), self.affine(w), self.epsilon)


def _synthesis(blueprint: Blueprint) -> Synthesis:
    if blueprint.recipe.generator.styles:
        return StyledSynthesis(blueprint)
    return TraditionalSynthesis(blueprint, blur=True)


register(
    Family(
        name="stylegan1",
        keys=families.keys_of("stylegan1"),
        synthesis=_synthesis,
        labels="embedded",
        root2_in_weight=True,
        discriminator=lambda _: DiscriminatorForm(
            halving="blur", root2_in_weight=True, labels="own-logit"
        ),
    )
)
