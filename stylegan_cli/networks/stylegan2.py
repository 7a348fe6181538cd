"""The StyleGAN2 generator: mapping and synthesis network, [SG2].

Parameter names are those of the PyTorch release; convolution weights are stored in correlation
orientation throughout (that release stores up-sampling weights reversed).
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from stylegan_cli.networks.layers import Dense, channels_at, conv_weight
from stylegan_cli.networks.mapping import Mapping
from stylegan_cli.noise import NoiseMode
from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.recipe import GeneratorSection
from stylegan_cli.shapes import Images, Ws

Architecture = Literal["orig", "skip", "resnet"]
NoiseInput = NoiseMode | Sequence[Tensor]


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias and leaky ReLU, [SG2] figure 2d."""

    noise_const: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resolution: int,
        *,
        w_dim: int,
        up: bool,
        clamp: float | None,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 3)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = Dense(w_dim, inputs, bias_init=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.ops = pick_backend(backend)

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


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to image channels, not demodulated, without noise."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        *,
        w_dim: int,
        clamp: float | None,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.weight = conv_weight(channels, inputs, 1)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.affine = Dense(w_dim, inputs, bias_init=1.0)
        self.style_gain = 1 / math.sqrt(inputs)
        self.clamp = clamp
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Float32 image of the feature map x."""
        style = self.affine(w) * self.style_gain
        image: Tensor = self.ops.to_rgb(x, self.weight, style, self.bias, clamp=self.clamp)
        return image


class ResidualUp(nn.Module):
    """1×1 convolution that doubles the size, without bias, around a residual block."""

    def __init__(self, inputs: int, outputs: int, *, backend: BackendName) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 1)
        self.weight_gain = 1 / math.sqrt(inputs)
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, 2h, 2w]`, times √½."""
        weight = self.weight * self.weight_gain
        y: Tensor = self.ops.conv(x, weight, None, resample="up", lrelu=False, gain=math.sqrt(0.5))
        return y


class SynthesisBlock(nn.Module):
    """The layers of one resolution; the 4×4 block starts from a learned constant.

    Args:
        inputs: Channels of the block before; 0 for the 4×4 block.
        rgb: Whether the block has a toRGB layer.
        dtype: Type of the activations.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resolution: int,
        *,
        section: GeneratorSection,
        channels: int,
        rgb: bool,
        dtype: torch.dtype,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.resolution, self.dtype = resolution, dtype
        clamp, w_dim = section.conv_clamp, section.w_dim
        self.residual = section.architecture == "resnet" and inputs > 0
        if inputs:
            self.conv0 = SynthesisLayer(
                inputs, outputs, resolution, w_dim=w_dim, up=True, clamp=clamp, backend=backend
            )
        else:
            self.const = nn.Parameter(torch.randn(outputs, 4, 4))
        self.conv1 = SynthesisLayer(
            outputs, outputs, resolution, w_dim=w_dim, up=False, clamp=clamp, backend=backend
        )
        if rgb:
            self.torgb = ToRGB(outputs, channels, w_dim=w_dim, clamp=clamp, backend=backend)
        if self.residual:
            self.skip = ResidualUp(inputs, outputs, backend=backend)
        self.num_convs = 2 if inputs else 1
        self.has_rgb = rgb

    def forward(self, x: Tensor | None, ws: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Feature map of this resolution from the one before.

        Args:
            ws: `[n, num_convs, w_dim]`.
            noise: One map for each convolution.
        """
        if x is None:
            start = self.const.expand(len(ws), -1, -1, -1)
            x = start.to(self.dtype).contiguous(memory_format=torch.channels_last)
            return self._call(self.conv1, x, ws[:, 0], noise[0])
        x = x.to(self.dtype)
        y = self._call(self.conv0, x, ws[:, 0], noise[0])
        if not self.residual:
            return self._call(self.conv1, y, ws[:, 1], noise[1])
        skip: Tensor = self.skip(x)
        return skip + self._call(self.conv1, y, ws[:, 1], noise[1], gain=math.sqrt(0.5))

    def _call(
        self, layer: nn.Module, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0
    ) -> Tensor:
        y: Tensor = layer(x, w, noise, gain)
        return y


class Synthesis(nn.Module):
    """From one w per layer to images, [SG2] section 4.1 and figure 7."""

    def __init__(
        self,
        section: GeneratorSection,
        *,
        resolution: int,
        channels: int,
        dtype: torch.dtype,
        backend: BackendName,
    ) -> None:
        super().__init__()
        self.resolutions = tuple(2**i for i in range(2, int(math.log2(resolution)) + 1))
        self.skip_images = section.architecture == "skip"
        inputs = 0
        for side in self.resolutions:
            outputs = channels_at(side, section.channel_base, section.channel_max)
            block = SynthesisBlock(
                inputs,
                outputs,
                side,
                section=section,
                channels=channels,
                rgb=self.skip_images or side == resolution,
                dtype=dtype if side > 4 else torch.promote_types(dtype, torch.float32),
                backend=backend,
            )
            self.add_module(f"b{side}", block)
            inputs = outputs
        self.num_ws = 2 * len(self.resolutions)
        self.noise_resolutions = (4, *(side for side in self.resolutions[1:] for _ in range(2)))
        self.ops = pick_backend(backend)

    def forward(self, ws: Ws, noise: NoiseInput = "random") -> Images:
        """Images of the styles; float32.

        Args:
            noise: "const" takes the maps stored in the network, "random" fresh ones from the
                global stream, "none" none; or one `[n or 1, 1, r, r]` map per noise layer.
        """
        maps = self._noise_maps(len(ws), noise)
        x: Tensor | None = None
        image: Tensor | None = None
        layer = 0
        for side in self.resolutions:
            block = self._block(side)
            end = layer + block.num_convs
            x = block(x, ws[:, layer:end], maps[layer:end])
            if block.has_rgb:
                rgb: Tensor = block.torgb(x, ws[:, end])
                image = rgb if image is None else self.ops.upsample(image) + rgb
            layer = end
        assert image is not None
        return image

    def _block(self, side: int) -> SynthesisBlock:
        block = self.get_submodule(f"b{side}")
        assert isinstance(block, SynthesisBlock)
        return block

    def _noise_maps(self, n: int, noise: NoiseInput) -> Sequence[Tensor | None]:
        if not isinstance(noise, str):
            return noise
        if noise == "none":
            return [None] * len(self.noise_resolutions)
        consts = [m.noise_const for m in self.modules() if isinstance(m, SynthesisLayer)]
        if noise == "const":
            return [const[None, None] for const in consts]
        return [torch.randn(n, 1, *const.shape, device=const.device) for const in consts]


class Generator(nn.Module):
    """G of StyleGAN2, [SG2]."""

    def __init__(
        self,
        section: GeneratorSection,
        *,
        resolution: int,
        channels: int,
        c_dim: int,
        dtype: torch.dtype = torch.float32,
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = section.z_dim, c_dim, section.w_dim
        self.resolution, self.channels = resolution, channels
        self.synthesis = Synthesis(
            section, resolution=resolution, channels=channels, dtype=dtype, backend=backend
        )
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(
            z_dim=section.z_dim,
            c_dim=c_dim,
            w_dim=section.w_dim,
            layers=section.mapping_layers,
            lr_multiplier=section.mapping_lr_multiplier,
            w_avg_beta=section.w_avg_beta,
        )
