"""The average of the generator's weights that images are made with."""

import torch
from torch import nn


def ema_decay(*, batch_size: int, ema_kimg: float, rampup: float, cur_nimg: int) -> float:
    """Share of the old average in one update, half-life `ema_kimg`, [PG] section 6 and [ADA].

    Args:
        rampup: Bounds the half-life to this share of the images shown so far; 0 does not.
        cur_nimg: Images shown before this batch.
    """
    half_life = ema_kimg * 1000
    if rampup > 0:
        half_life = min(half_life, cur_nimg * rampup)
    return float(0.5 ** (batch_size / max(half_life, 1e-8)))


@torch.no_grad()
def update_ema(G_ema: nn.Module, G: nn.Module, decay: float) -> None:
    """Move the average's parameters towards G's by 1 − decay; copy its buffers."""
    torch._foreach_lerp_(list(G_ema.parameters()), list(G.parameters()), 1 - decay)
    torch._foreach_copy_(list(G_ema.buffers()), list(G.buffers()))
