"""StyleGAN3, [SG3]: networks without aliasing, whose details move with the objects.

Names of parameters are the release's.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stylegan_cli.networks.bands import LayerPlan, Level, down_filter, plans_of, up_filter
from stylegan_cli.networks.family import Family, register
from stylegan_cli.networks.generator import Blueprint, Synthesis
from stylegan_cli.networks.layers import (
    Dense,
    Frozen,
    FrozenDense,
    FrozenRGB,
    cast,
    conv_weight,
    randn,
)
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.ops import pick_backend
from stylegan_cli.ops.autograd import conv2d
from stylegan_cli.ops.filtered_lrelu import Filter, Resampling, filtered_lrelu
from stylegan_cli.ops.reference import EPSILON
from stylegan_cli.recipe import families
from stylegan_cli.shapes import Images, Motions, Ws
from stylegan_cli.sizes import Size

Magnitudes = Float[Tensor, " layers"]


class FourierInput(nn.Module):
    """Waves within the first band, shifted and turned by w, [SG3] section 3.2 and appendix D.

    Attributes:
        transform: Map from positions in the picture to those in the pattern, in image widths: the
            inverse of the motion of the picture.
        freqs: Frequencies in cycles per image width, spread evenly over a disc.
        phases: Phases in turns.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, level: Level, w_dim: int) -> None:
        super().__init__()
        self.level = level
        channels = level.channels
        n = randn(channels, 2)
        radius = n.square().sum(1, keepdim=True).sqrt()
        freqs = n / radius * torch.exp(-radius.square() / 4) * level.cutoff
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.weight = nn.Parameter(randn(channels, channels))
        self.affine = Dense(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias[0] = 1

    def forward(self, w: Tensor, motions: Motions | None = None) -> Tensor:
        """Return float32 `[n, channels, size, size]`, channels last.

        Args:
            motions: Motions of the picture, applied after that of `transform`.
        """
        transform = self.transform
        if motions is not None:
            transform = transform @ torch.linalg.inv(motions.double()).to(transform)
        matrix = self._matrix(w) @ transform
        freqs = self.freqs @ matrix[:, :2, :2]
        phases = self.phases + (self.freqs @ matrix[:, :2, 2:])[..., 0]
        level = self.level
        band, nyquist = level.cutoff, level.rate / 2
        excess = torch.linalg.vector_norm(freqs, dim=2) - band
        # frequencies that a transform moves out of the band fade up to half the sampling rate
        amplitudes = (1 - excess / (nyquist - band)).clamp(0, 1)
        steps = torch.arange(level.size, device=w.device, dtype=torch.float32)
        line = (steps + 0.5 - level.size / 2) / level.rate
        along_x, along_y = (line[:, None] * freqs[:, None, :, axis] for axis in (0, 1))
        turns = along_y[:, :, None] + along_x[:, None] + phases[:, None, None]
        waves = torch.sin(turns * (2 * math.pi)) * amplitudes[:, None, None]
        mixed: Tensor = waves @ (self.weight.T / math.sqrt(len(self.weight)))
        return mixed.permute(0, 3, 1, 2)

    def _matrix(self, w: Tensor) -> Tensor:
        """Compute the learned rotation and translation, `[n, 3, 3]`."""
        t = self.affine(w)
        t = t / torch.linalg.vector_norm(t[:, :2], dim=1, keepdim=True)
        cos, sin, dx, dy = t.unbind(1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotation = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1)
        translation = torch.stack([one, zero, -dx, zero, one, -dy, zero, zero, one], dim=1)
        return rotation.reshape(-1, 3, 3) @ translation.reshape(-1, 3, 3)


class FilteredLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU, [SG3] figure 4b; toRGB has no filters.

    Attributes:
        magnitude_ema: Running mean square of the input, which is scaled to 1.
    """

    magnitude_ema: Tensor

    def __init__(self, plan: LayerPlan, blueprint: Blueprint) -> None:
        super().__init__()
        train, clamp = blueprint.recipe.train, blueprint.recipe.generator.conv_clamp
        inputs, outputs = plan.source.channels, plan.target.channels
        self.affine = Dense(blueprint.w_dim, inputs, bias_init=1.0)
        self.weight = conv_weight(outputs, inputs, plan.kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("magnitude_ema", torch.ones(()))
        # share of the old mean in each update
        self.magnitude_beta = 0.5 ** (train.batch_size / (train.magnitude_kimg * 1000))
        self.is_rgb, self.clamp, self.dtype = plan.is_rgb, clamp, blueprint.dtype
        self.resampling = Resampling(
            up=plan.up,
            down=plan.down,
            up_filter=Filter.of(up_filter(plan)),
            down_filter=Filter.of(down_filter(plan)),
            padding=plan.padding,
            clamp=clamp,
        )
        self.ops = pick_backend(blueprint.backend)

    def forward(self, x: Tensor, w: Tensor, moved: list[Tensor] | None = None) -> Tensor:
        """Compute the next canvas, or the float32 image.

        Args:
            moved: List that receives the updated magnitude, which is then used; None uses the
                stored one.
        """
        magnitude = self.magnitude_ema
        if moved is not None:
            magnitude = x.detach().float().square().mean().lerp(magnitude, self.magnitude_beta)
            moved.append(magnitude)
        gain, style, x = magnitude.rsqrt(), self.affine(w), x.to(self.dtype)
        if self.is_rgb:
            style = style * (gain / math.sqrt(style.shape[1]))
            image: Tensor = self.ops.to_rgb(x, self.weight, style, self.bias, clamp=self.clamp)
            return image.float()
        y: Tensor = self.ops.alias_free_conv(
            x, self.weight, style, self.bias, self.resampling, input_gain=gain
        )
        return y

    def frozen(self, dtype: torch.dtype) -> nn.Module:
        if not self.is_rgb:
            return FrozenFilteredLayer(self, dtype)
        gain = self.magnitude_ema.rsqrt().item() / math.sqrt(self.weight.shape[1])
        return FrozenRGB(self.affine, self.weight, self.bias, gain=gain, clamp=self.clamp)


class AliasFreeSynthesis(Synthesis):
    """Network from one w per layer, the input's first, to images; without noise."""

    means_move_for_d = True
    can_move = True
    # the compiler makes the filters' programs anew for every layer, and gives up half way
    can_compile = False
    tracked = ("magnitude_ema",)

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        plans = plans_of(blueprint.recipe)
        self.input = FourierInput(plans[0].source, blueprint.w_dim)
        self.names = tuple(plan.name for plan in plans)
        for plan in plans:
            self.add_module(plan.name, FilteredLayer(plan, blueprint))
        self.num_ws = len(plans) + 1
        self.output_scale = blueprint.recipe.bands.output_scale

    @property
    def noise_sizes(self) -> tuple[Size, ...]:
        """Size of each noise input: there are none."""
        return ()

    @property
    def layer_levels(self) -> tuple[int, ...]:
        """Nominal levels: the input and four layers are coarse, the next five middle."""
        return tuple(8 if i < 5 else 32 if i < 10 else 64 for i in range(self.num_ws))

    def forward(self, ws: Ws, noise: NoiseInput = "none") -> Images:
        """Make images; noise has no effect."""
        return self._run(ws, None)

    def moved(self, ws: Ws, noise: NoiseInput, motions: Motions) -> Images:
        return self._run(ws, None, motions)

    def moving(self, ws: Ws, noise: NoiseInput = "none") -> tuple[Images, Magnitudes]:
        """Make images with the updated magnitudes, and return both."""
        moved: list[Tensor] = []
        images = self._run(ws, moved)
        return images, torch.stack(moved)

    def _layers(self) -> list[Any]:
        return [self.get_submodule(name) for name in self.names]

    def _run(self, ws: Ws, moved: list[Tensor] | None, motions: Motions | None = None) -> Images:
        x: Tensor = self.input(ws[:, 0], motions)
        for layer, w in zip(self._layers(), ws[:, 1:].unbind(1), strict=True):
            x = layer(x, w, moved)
        return x * self.output_scale


class FrozenFilteredLayer(Frozen):
    """`FilteredLayer` for drawing: kernel cast, energy summed, magnitude part of the styles."""

    bias: Tensor

    def __init__(self, layer: FilteredLayer, dtype: torch.dtype) -> None:
        gain, weight = layer.magnitude_ema.rsqrt(), layer.weight.detach()
        # divided, so that demodulation does not undo the gain
        energy = weight.square().sum((2, 3)).T / gain.square()
        super().__init__(weight=cast(weight, dtype), energy=energy, bias=layer.bias)
        self.affine = FrozenDense(layer.affine, gain.item())
        self.resampling = layer.resampling

    def forward(self, x: Tensor, w: Tensor, _: None) -> Tensor:
        style, x = self.affine(w), x.to(self.weight.dtype)
        around = self.weight.shape[-1] - 1
        y = conv2d(x * style.to(x.dtype)[..., None, None], self.weight, padding=around)
        demodulation = (style.square() @ self.energy + EPSILON).rsqrt()
        y.mul_(demodulation.to(y.dtype)[..., None, None])
        return filtered_lrelu(y.add_(self.bias.to(y.dtype)[:, None, None]), self.resampling)


register(Family(name="stylegan3", keys=families.keys_of("stylegan3"), synthesis=AliasFreeSynthesis))
