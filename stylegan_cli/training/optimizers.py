"""Optimizers: Adam as in the papers, averages and frozen weights."""

import torch
from torch import Tensor, nn

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.recipe import InitSection
from stylegan_cli.runtime import World


def adam(
    network: nn.Module, *, lr: float, beta1: float, beta2: float, interval: int | None = None
) -> torch.optim.Adam:
    """Return a new optimizer, corrected for lazy regularization.

    With lazy regularization it takes interval + 1 steps instead of `interval`, [SG2] appendix B:
    with c = k / (k + 1), lr · c and β^c.

    Args:
        interval: Iterations from one regularization step to the next; None corrects nothing.
    """
    c = 1.0 if interval is None else interval / (interval + 1)
    return torch.optim.Adam(
        network.parameters(), lr=lr * c, betas=(beta1**c, beta2**c), eps=1e-8, fused=True
    )


def check_optimizer(optimizer: torch.optim.Adam) -> None:
    """Raise if the state of an optimizer, as it was read, does not belong to its parameters."""
    for parameter, state in optimizer.state.items():
        moments = [state.get(name) for name in ("exp_avg", "exp_avg_sq")]
        fits = all(m is not None and m.shape == parameter.shape for m in moments)
        if not fits or state.get("step", parameter).numel() != 1:
            raise ValueError("moments of the optimizer do not fit the weights")


@torch.no_grad()
def step(optimizer: torch.optim.Optimizer, world: World) -> Tensor:
    """Average gradients over processes, clean them and update the weights; return their norm.

    NaN becomes 0 and infinities ±1e5, as in [ADA]; a loss that is NaN ends the run later.
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


def ema_decay(*, batch_size: int, ema_kimg: float, rampup: float, cur_nimg: int) -> float:
    """Return the share of the old average kept in an update, [PG] section 6 and [ADA].

    Args:
        ema_kimg: Half-life.
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


def frozen_parts(init: InitSection, G: Generator, D: Discriminator) -> dict[str, nn.Module]:
    """Return the modules that keep their weights, by their names in network files."""
    mapping = {"g_ema.mapping": G.mapping} if init.freeze_mapping else {}
    return mapping | dict(list(_layers(D).items())[: init.freeze_d])


def freeze(module: nn.Module) -> None:
    """Turn weights into buffers, which have no gradient, optimizer state or average.

    Their names in the state dict stay.
    """
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, weight.detach())


def _layers(D: Discriminator) -> dict[str, nn.Module]:
    """Return the layers that Freeze-D counts, in its order; all but the last block."""
    return {
        f"d.b{level}.{name}": layer
        for level in D.levels
        for name, layer in D.get_submodule(f"b{level}").named_children()
    }
