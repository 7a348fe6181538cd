"""Progressive growing, [PG] section 2: how one resolution fades into the next.

`lod` counts the levels still missing; while a level fades in it is fractional.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def split_lod(lod: float) -> tuple[int, float]:
    """Whole levels missing, and the share that the level below still has in the result."""
    levels = int(lod)
    return levels, lod - levels


def fade(new: Tensor, old: Tensor, share: float) -> Tensor:
    """The new level with `share` of the old one in it, both of the same size."""
    return torch.lerp(new, old.to(new.dtype), share)


def upscale(images: Tensor, side: int) -> Tensor:
    """Images of this side, each pixel repeated; the same if they are that large already.

    Args:
        images: `[n, c, h, h]`.
    """
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="nearest")


def halve(images: Tensor) -> Tensor:
    """`[n, c, h/2, w/2]`: the mean of each 2 × 2 pixels."""
    return F.avg_pool2d(images, 2)
