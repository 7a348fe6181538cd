"""StyleGAN: adaptive instance normalization and noise in every layer, [SG1].

Convolution weights are stored in correlation orientation throughout; the original reverses those
of layers that double the size from 128 px up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.discriminators import DiscriminatorForm
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.generator import Blueprint, Synthesis
from stylegan_cli.networks.layers import Dense, Frozen, FrozenDense, randn
from stylegan_cli.networks.progan import Form, LatentInput, ProgressiveSynthesis
from stylegan_cli.ops import fast, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE
from stylegan_cli.recipe import families
from stylegan_cli.recipe.architecture import Variant
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

    def __init__(self, _: int, features: int, base: Size) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(features, *base.shape))

    def forward(self, w: Tensor) -> Tensor:
        """Return `[n, features, h, w]`, whatever w is; the caller may overwrite it."""
        start = self.const.expand(w.shape[0], -1, -1, -1)
        return start.clone(memory_format=torch.channels_last)


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
    section = blueprint.recipe.generator
    form = Form(blur=True)
    if section.styles:
        form = replace(
            form,
            early_bias=_VARIANTS[section.variant].early_bias,
            start=ConstInput if section.input == "const" else LatentInput,
            tail=StyledTail,
            styles=True,
            noise=section.noise,
        )
    return ProgressiveSynthesis(blueprint, form)


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
