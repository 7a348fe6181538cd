"""Everything a run needs to go on as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylegan_cli.networks.build import build_discriminator, build_generator
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.stylegan2 import Generator
from stylegan_cli.recipe import Recipe
from stylegan_cli.training.optimizers import lazy_adam
from stylegan_cli.training.stats import Stats


@dataclass(kw_only=True)
class TrainingState:
    """Networks, optimizers and counters of a run; the one thing in it that changes.

    Attributes:
        pl_mean: Running mean of path lengths.
        cur_nimg: Real images shown so far.
        iteration: Steps done so far.
        seconds: Time spent so far, over all sessions.
    """

    G: Generator
    D: Discriminator
    G_ema: Generator
    opt_g: torch.optim.Adam
    opt_d: torch.optim.Adam
    pl_mean: Tensor
    stats: Stats
    cur_nimg: int = 0
    iteration: int = 0
    seconds: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers, for `checkpoint.save_state`."""
        return {
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "G_ema": self.G_ema.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "pl_mean": self.pl_mean,
            "sums": dict(self.stats.sums),
            "cur_nimg": self.cur_nimg,
            "iteration": self.iteration,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for name in ("G", "D", "G_ema", "opt_g", "opt_d"):
            getattr(self, name).load_state_dict(state[name])
        self.pl_mean.copy_(state["pl_mean"])
        for name, moments in state["sums"].items():
            self.stats.sums[name] = moments.to(self.pl_mean.device)
        self.cur_nimg = state["cur_nimg"]
        self.iteration = state["iteration"]
        self.seconds = state["seconds"]


def initial_state(
    recipe: Recipe, *, c_dim: int, device: torch.device, dtype: torch.dtype
) -> TrainingState:
    """Networks at their initial weights and fresh optimizers.

    Args:
        dtype: Type of the activations in training; the average always computes in float32.
    """
    G = build_generator(recipe, c_dim=c_dim, dtype=dtype).to(device)
    D = build_discriminator(recipe, c_dim=c_dim, dtype=dtype).to(device)
    G_ema = build_generator(recipe, c_dim=c_dim).to(device).eval().requires_grad_(False)
    train, loss = recipe.train, recipe.loss
    betas = {"beta1": train.beta1, "beta2": train.beta2}
    return TrainingState(
        G=G.train(),
        D=D.train(),
        G_ema=G_ema,
        opt_g=lazy_adam(G, lr=train.lr_g, interval=loss.pl_interval, **betas),
        opt_d=lazy_adam(D, lr=train.lr_d, interval=loss.r1_interval, **betas),
        pl_mean=torch.zeros((), device=device),
        stats=Stats(device=device),
    )
