"""Bilinear sampling of images, differentiable in them any number of times.

PyTorch's own has no second derivative. It is linear in the images, so that its derivative is its
adjoint, and the derivative of that is the sampling again.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def sample_bilinear(images: Tensor, grid: Tensor) -> Tensor:
    """Values of images between their pixels, zeros outside.

    Args:
        images: `[n, c, h, w]`.
        grid: `[n, h', w', 2]`: x and y of each value, −1 and 1 at the outer edges of the image.
            Gets no gradient.
    """
    y: Tensor = _Sample.apply(images, grid)
    return y


class _Sample(Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return F.grid_sample(images, grid, align_corners=False)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Spread.apply(dy, grid, ctx.shape), None


class _Spread(Function):
    """The adjoint: adds each value to the pixels it would be sampled from."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, grid: Tensor, shape: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(grid)
        # the images' values do not matter to this gradient, only their shape
        stand_in = dy.new_empty(1).expand(shape)
        bilinear, zeros = 0, 0
        mask = [True, False]
        dx: Tensor = torch.ops.aten.grid_sampler_2d_backward(
            dy.contiguous(), stand_in, grid, bilinear, zeros, False, mask
        )[0]
        return dx

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(ddx, grid), None, None
