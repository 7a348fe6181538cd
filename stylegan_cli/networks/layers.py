"""What generators and discriminators are both made of."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegan_cli.ops import BackendName, pick_backend
from stylegan_cli.ops.reference import EPSILON, LRELU_SLOPE, Resample


def normalize(x: Tensor) -> Tensor:
    """Scale each row, or the channels of each pixel, to mean square 1, [PG] section 4.2."""
    # not mean(), whose gradient would lay out feature maps channel by channel
    energy = x.square().sum(dim=1, keepdim=True) / x.shape[1]
    return x * (energy + EPSILON).rsqrt()


class Dense(nn.Module):
    """Fully connected layer with equalized learning rate, [PG] section 4.1.

    Args:
        lrelu: Leaky ReLU behind it, with a gain of √2; False is linear.
        root2_in_weight: The gain is part of the weights, as in [PG] and [SG1]; else it comes
            after the activation, so that it applies to the bias too.
        lr_multiplier: Weights are stored this much larger and learn this much slower.
        bias_init: Effective bias at the start.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        lrelu: bool = False,
        root2_in_weight: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias_init / lr_multiplier))
        self.lrelu = lrelu
        self.weight_gain = lr_multiplier / math.sqrt(inputs)
        self.activation_gain = 1.0 if root2_in_weight else math.sqrt(2)
        if lrelu and root2_in_weight:
            self.weight_gain *= math.sqrt(2)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs]` to `[n, outputs]`, in the dtype of the weights."""
        y = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(y, LRELU_SLOPE) * self.activation_gain if self.lrelu else y


def conv_weight(outputs: int, inputs: int, kernel: int) -> nn.Parameter:
    """Standard normal convolution weights `[outputs, inputs, kernel, kernel]`, channels last."""
    weight = torch.randn(outputs, inputs, kernel, kernel)
    return nn.Parameter(weight.contiguous(memory_format=torch.channels_last))


class ResidualSkip(nn.Module):
    """1×1 convolution around a residual block, without bias; doubles or halves the size."""

    def __init__(self, inputs: int, outputs: int, resample: Resample, backend: BackendName) -> None:
        super().__init__()
        self.weight = conv_weight(outputs, inputs, 1)
        self.weight_gain = 1 / math.sqrt(inputs)
        self.resample = resample
        self.ops = pick_backend(backend)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, inputs, h, w]` to `[n, outputs, …]`, times √½."""
        weight = self.weight * self.weight_gain
        y: Tensor = self.ops.conv(
            x, weight, None, resample=self.resample, lrelu=False, gain=math.sqrt(0.5)
        )
        return y


def features_by_side(resolution: int, channel_base: int, channel_max: int) -> dict[int, int]:
    """Feature maps at each side from 4 to `resolution`: halved with each doubling, bounded."""
    sides = [2**i for i in range(2, resolution.bit_length())]
    return {side: min(channel_base // side, channel_max) for side in sides}
