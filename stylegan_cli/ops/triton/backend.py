"""The backend "triton": the operations of `fast` with kernels in Triton."""

from functools import partial

from stylegan_cli.ops import fast
from stylegan_cli.ops.fast import adain, noise_bias_act, to_rgb
from stylegan_cli.ops.triton import fused
from stylegan_cli.ops.triton.fused import downsample, upsample

__all__ = [
    "adain",
    "box_down_conv",
    "box_up_conv",
    "conv",
    "downsample",
    "noise_bias_act",
    "styled_conv",
    "to_rgb",
    "upsample",
]

styled_conv = partial(fast.styled_conv, kernels=fused)
conv = partial(fast.conv, kernels=fused)
box_up_conv = partial(fast.box_up_conv, kernels=fused)
box_down_conv = partial(fast.box_down_conv, kernels=fused)
