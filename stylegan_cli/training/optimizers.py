"""Adam as the papers use it."""

import torch
from torch import Tensor, nn

from stylegan_cli.runtime import World


def adam(
    network: nn.Module, *, lr: float, beta1: float, beta2: float, interval: int | None = None
) -> torch.optim.Adam:
    """A new optimizer, corrected for lazy regularization where there is any.

    It then takes interval + 1 steps where it would take `interval`, [SG2] appendix B: with
    c = k / (k + 1), lr · c and β^c.

    Args:
        interval: Iterations from one regularization step to the next; None corrects nothing.
    """
    c = 1.0 if interval is None else interval / (interval + 1)
    return torch.optim.Adam(
        network.parameters(), lr=lr * c, betas=(beta1**c, beta2**c), eps=1e-8, fused=True
    )


@torch.no_grad()
def step(optimizer: torch.optim.Optimizer, world: World) -> Tensor:
    """Average gradients over processes, clean them, update the weights; returns their norm.

    NaN becomes 0 and infinities ±1e5, as in [ADA]; a loss that is no number ends the run later.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in parameters if p.grad is not None]
    if world.size > 1:
        _average(gradients, world)
    for gradient in gradients:
        torch.nan_to_num(gradient, nan=0.0, posinf=1e5, neginf=-1e5, out=gradient)
    norm = nn.utils.get_total_norm(gradients)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


def _average(gradients: list[Tensor], world: World) -> None:
    # one message: the networks are small beside what a link carries at once
    flat = world.mean_(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
