"""The style-based generator: adaptive instance normalisation and noise in every layer, [SG1].

Convolution weights are stored in correlation orientation throughout; the original stores those
that double the size from 128 px on reversed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.discriminators import DiscriminatorForm
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.layers import (
    Dense,
    FrozenDense,
    fade,
    features_by_side,
    freeze_layers,
    split_lod,
    upscale,
)
from stylegan_cli.networks.noise import NoiseInput, noise_layers
from stylegan_cli.networks.progan import Conv, LatentInput, ToRGB, build_traditional
from stylegan_cli.networks.synthesis import Synthesis
from stylegan_cli.ops import BackendName, fast, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE
from stylegan_cli.recipe import Settled, families
from stylegan_cli.recipe.sections import Variant
from stylegan_cli.shapes import Images, Ws


@dataclass(frozen=True, kw_only=True)
class StyledOptions:
    """What all layers of a style-based generator share, [SG1] table 1.

    Attributes:
        channels: Of the image.
        input: What the 4×4 level starts from.
        noise: Whether layers have noise inputs.
        early_bias: The bias of a layer that doubles the size comes before the filter instead of
            after the noise, and a constant has none.
        epsilon: What the normalisation of a channel adds to its variance.
        dtype: Type of the activations from 8×8 on.
    """

    w_dim: int
    channels: int
    input: Literal["const", "latent"]
    noise: bool
    early_bias: bool = False
    epsilon: float = EPSILON
    dtype: torch.dtype
    backend: BackendName


class ConstInput(nn.Module):
    """Learned 4×4 feature map, the same for every image."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(features, 4, 4))

    def forward(self, w: Tensor) -> Tensor:
        """`[n, features, 4, 4]`, whatever w is."""
        start = self.const.expand(w.shape[0], -1, -1, -1)
        return start.contiguous(memory_format=torch.channels_last)

    def frozen(self, _: torch.dtype) -> "FrozenConst":
        """The same layer for drawing."""
        return FrozenConst(self)


class Tail(nn.Module):
    """What follows each operation: noise, bias, leaky ReLU and style, [SG1] figure 1b."""

    noise_const: Tensor

    def __init__(
        self, features: int, resolution: int, options: StyledOptions, *, bias: bool = True
    ) -> None:
        super().__init__()
        if options.noise:
            self.noise_strength = nn.Parameter(torch.zeros(features))
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None
        self.affine = Dense(options.w_dim, 2 * features)
        self.epsilon = options.epsilon
        self.ops = pick_backend(options.backend)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Feature map of the same shape."""
        strength = None if noise is None else self.noise_strength
        x = self.ops.noise_bias_act(x, noise, strength, self.bias)
        y: Tensor = self.ops.adain(x, self.affine(w), self.epsilon)
        return y

    def frozen(self, dtype: torch.dtype) -> "FrozenTail":
        """The same layer for drawing."""
        return FrozenTail(self, dtype)


class Block(nn.Module):
    """The layers of one resolution; the 4×4 block starts from a constant or from w.

    Args:
        inputs: Channels of the block before; 0 for the 4×4 block.
    """

    def __init__(self, inputs: int, outputs: int, resolution: int, options: StyledOptions) -> None:
        super().__init__()
        backend, early = options.backend, options.early_bias
        if inputs:
            self.dtype = options.dtype
            self.conv0 = Conv(
                inputs, outputs, up=True, blur=True, early_bias=early, backend=backend
            )
        else:
            self.dtype = torch.promote_types(options.dtype, torch.float32)
            const = options.input == "const"
            self.input = ConstInput(outputs) if const else LatentInput(options.w_dim, outputs)
        self.tail0 = Tail(outputs, resolution, options, bias=not early)
        self.conv1 = Conv(outputs, outputs, up=False, blur=True, backend=backend)
        self.tail1 = Tail(outputs, resolution, options)
        self.torgb = ToRGB(outputs, options.channels, backend)

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Feature map of this resolution from the one before.

        Args:
            ws: `[n, 2, w_dim]`.
            noise: One map for each layer.
        """
        x = self.input(ws[:, 0]) if x is None else self.conv0(x.to(self.dtype))
        x = self.conv1(self.tail0(x, ws[:, 0], noise[0]))
        y: Tensor = self.tail1(x, ws[:, 1], noise[1])
        return y

    def frozen(self, dtype: torch.dtype) -> "Block":
        """The block with frozen layers; that at 4×4 keeps its type."""
        if hasattr(self, "conv0"):
            self.dtype = dtype
        freeze_layers(self, self.dtype)
        return self


class StyledSynthesis(Synthesis):
    """From one w per layer to images, [SG1] section 2.

    Attributes:
        lod: Levels still missing; fractional while one fades in.

    Args:
        features: Feature maps of each resolution, from 4×4 up.
    """

    def __init__(self, features: Mapping[int, int], options: StyledOptions) -> None:
        super().__init__()
        self.lod = 0.0
        self.resolutions = tuple(features)
        self.has_noise = options.noise
        inputs = 0
        for side, outputs in features.items():
            self.add_module(f"b{side}", Block(inputs, outputs, side, options))
            inputs = outputs
        self.num_ws = 2 * len(self.resolutions)

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """Side of every noise input, as far as the network has grown."""
        if not self.has_noise:
            return ()
        return tuple(side for side in self._active_sides() for _ in range(2))

    @property
    def layer_sides(self) -> tuple[int, ...]:
        """Side at which each code acts."""
        return tuple(side for side in self.resolutions for _ in range(2))

    def forward(self, ws: Ws, noise: NoiseInput) -> Images:
        """Images of the styles, as large as the network has grown; float32.

        Args:
            noise: "const" takes the maps stored in the network, "none" none; or one
                `[n or 1, 1, r, r]` map per noise input.
        """
        before: Tensor | None = None
        x: Tensor | None = None
        maps = self._noise_maps(noise)
        for i, side in enumerate(self._active_sides()):
            layers = slice(2 * i, 2 * i + 2)
            before, x = x, self._block(side)(x, ws[:, layers], maps[layers])
        image: Tensor = self._block(side).torgb(x)
        _, share = split_lod(self.lod)
        if share:
            image = fade(image, upscale(self._block(side // 2).torgb(before), side), share)
        return image

    def _active_sides(self) -> tuple[int, ...]:
        levels, _ = split_lod(self.lod)
        return self.resolutions[: len(self.resolutions) - levels]

    def _block(self, side: int) -> Block:
        block = self.get_submodule(f"b{side}")
        assert isinstance(block, Block)
        return block

    def _noise_maps(self, noise: NoiseInput) -> Sequence[Tensor | None]:
        if noise == "none" or not self.has_noise:
            return [None] * self.num_ws
        if noise == "const":
            return [tail.noise_const[None, None] for tail in noise_layers(self)]
        return noise


class FrozenConst(nn.Module):
    """As `stylegan1.ConstInput`, laid out."""

    const: Tensor

    def __init__(self, layer: ConstInput) -> None:
        super().__init__()
        const = layer.const.detach()[None]
        self.register_buffer("const", const.contiguous(memory_format=torch.channels_last))

    def forward(self, w: Tensor) -> Tensor:
        """`[n, features, 4, 4]`, whatever w is; free to be overwritten."""
        return self.const.repeat(w.shape[0], 1, 1, 1)


class FrozenTail(nn.Module):
    """As `stylegan1.Tail`, in place where it can be."""

    bias: Tensor | None
    noise_const: Tensor
    noise_strength: Tensor

    def __init__(self, layer: Tail, dtype: torch.dtype) -> None:
        super().__init__()
        bias = None if layer.bias is None else layer.bias.detach().to(dtype)[:, None, None]
        self.register_buffer("bias", bias)
        if hasattr(layer, "noise_const"):
            self.register_buffer("noise_const", layer.noise_const)
            self.register_buffer("noise_strength", layer.noise_strength.detach())
        self.affine = FrozenDense(layer.affine)
        self.epsilon = layer.epsilon

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Feature map of the same shape; x is overwritten."""
        if self.bias is not None:
            x.add_(self.bias)
        if noise is not None:
            x.addcmul_(noise.to(x.dtype), self.noise_strength.to(x.dtype)[:, None, None])
        return fast.adain(F.leaky_relu_(x, LRELU_SLOPE), self.affine(w), self.epsilon)


_VARIANTS: Mapping[Variant, Mapping[str, Any]] = {
    "original": {},
    "rosinality": {"early_bias": True, "epsilon": 1e-5},
}


def _synthesis(
    recipe: Settled, *, w_dim: int, dtype: torch.dtype, backend: BackendName
) -> Synthesis:
    section = recipe.generator
    if not section.styles:
        return build_traditional(recipe, w_dim=w_dim, dtype=dtype, backend=backend, blur=True)
    options = StyledOptions(
        w_dim=w_dim,
        channels=recipe.data.channels,
        input=section.input,
        noise=section.noise,
        **_VARIANTS[section.variant],
        dtype=dtype,
        backend=backend,
    )
    features = features_by_side(recipe.data.resolution, section.channel_base, section.channel_max)
    return StyledSynthesis(features, options)


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
