"""The layers of StyleGAN2 with all that does not depend on the styles computed ahead, [SG2]."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.frozen.layers import FrozenDense, cast, to_image
from stylegan_cli.networks.stylegan2 import SynthesisLayer, ToRGB
from stylegan_cli.ops import fir
from stylegan_cli.ops.conv import conv2d, conv2d_up
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE


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
