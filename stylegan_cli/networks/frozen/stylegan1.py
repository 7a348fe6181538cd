"""The tail of the layers of the style-based generator with its gains folded in, [SG1]."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.networks.frozen.layers import FrozenDense
from stylegan_cli.networks.stylegan1 import ConstInput, Tail
from stylegan_cli.ops import fast
from stylegan_cli.ops.reference import LRELU_SLOPE


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
