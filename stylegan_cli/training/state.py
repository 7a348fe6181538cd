"""Everything a run needs to go on as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from stylegan_cli.networks.build import build_discriminator, build_generator
from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.augment import Augmentation, initial_augmentation
from stylegan_cli.training.optimizers import adam, freeze, frozen_parts
from stylegan_cli.training.schedule import Stage, level_key, stage_at


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Running sums of named values; means over samples, iterations and processes."""

    device: torch.device
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """Count values of any shape, without waiting for the device."""
        values = values.detach().float()
        moments = torch.stack([values.sum(), torch.full_like(values.sum(), values.numel())])
        if name in self.sums:
            self.sums[name] += moments
        else:
            self.sums[name] = moments

    def means(self, world: World) -> dict[str, float]:
        """Mean of each name since the last reset, over all processes."""
        names = sorted(self.sums)
        if not names:
            return {}
        moments = world.mean_(torch.stack([self.sums[name] for name in names]))
        values = (moments[:, 0] / moments[:, 1]).tolist()
        return dict(zip(names, values, strict=True))

    def pool(self, world: World) -> None:
        """Give every process the same sums, whose means are those over all processes."""
        for name in sorted(self.sums):
            world.mean_(self.sums[name])

    def reset(self) -> None:
        """Forget everything."""
        self.sums.clear()


@dataclass(kw_only=True)
class TrainingState:
    """Networks, optimizers and counters of a run; the one thing in it that changes.

    Attributes:
        pl_mean: Running mean of path lengths.
        cur_nimg: Real images shown so far.
        iteration: Steps done so far.
        seconds: Time spent so far, over all sessions.
        origin: What is known of the network that training started from, if from one.
        alarm_counts: See `alarms.Watch`.
        batch_per_device: Images a device holds at once, where it turned out to hold fewer than
            the recipe says.
    """

    G: Generator
    D: Discriminator
    G_ema: Generator
    opt_g: torch.optim.Adam
    opt_d: torch.optim.Adam
    pl_mean: Tensor
    augmentation: Augmentation | None
    stats: Stats
    cur_nimg: int = 0
    iteration: int = 0
    seconds: float = 0.0
    origin: Mapping[str, Any] | None = None
    alarm_counts: dict[str, int] = field(default_factory=dict)
    batch_per_device: int | None = None

    @property
    def lod(self) -> float:
        """Levels missing in the iteration before, or in the first one."""
        return self.G.lod

    def enter(self, stage: Stage, recipe: Settled) -> None:
        """Grow the networks to a stage; where other levels take part, optimizers start anew."""
        if stage.key != level_key(self.lod):
            self.opt_g, self.opt_d = new_optimizers(self.G, self.D, stage, recipe)
        self._grow(stage.lod)

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and numbers, for `states.save_state`."""
        return {
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "G_ema": self.G_ema.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "lod": self.lod,
            "pl_mean": self.pl_mean,
            "augmentation": self.augmentation.state_dict() if self.augmentation else None,
            "sums": dict(self.stats.sums),
            "cur_nimg": self.cur_nimg,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "origin": None if self.origin is None else dict(self.origin),
            "alarm_counts": dict(self.alarm_counts),
            "batch_per_device": self.batch_per_device,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for name in ("G", "D", "G_ema", "opt_g", "opt_d"):
            getattr(self, name).load_state_dict(state[name])
        # the first states were of networks that do not grow
        self._grow(state.get("lod", 0.0))
        self.pl_mean.copy_(state["pl_mean"])
        if self.augmentation is not None:
            self.augmentation.load_state_dict(state["augmentation"])
        for name, moments in state["sums"].items():
            self.stats.sums[name] = moments.to(self.pl_mean.device)
        self.cur_nimg = state["cur_nimg"]
        self.iteration = state["iteration"]
        self.seconds = state["seconds"]
        # the first states had no origin but chance
        self.origin = state.get("origin")
        # the first states were of runs that gave no alarms and ended without memory
        self.alarm_counts |= state.get("alarm_counts", {})
        self.batch_per_device = state.get("batch_per_device")

    def tracked(self) -> dict[str, Tensor]:
        """Copies of what moves on while gradients are still being gathered, by name."""
        moving = {"pl_mean": self.pl_mean, **self.G.tracked}
        if self.augmentation is not None:
            moving["signs"] = self.augmentation.signs
        moving |= {f"sums.{name}": moments for name, moments in self.stats.sums.items()}
        return {name: tensor.clone() for name, tensor in moving.items()}

    def take_back(self, tracked: Mapping[str, Tensor]) -> None:
        """Put back what `tracked` gave."""
        for name, buffer in self.G.tracked.items():
            buffer.copy_(tracked[name])
        self.pl_mean.copy_(tracked["pl_mean"])
        if self.augmentation is not None:
            self.augmentation.signs.copy_(tracked["signs"])
        self.stats.reset()
        for name, moments in tracked.items():
            if name.startswith("sums."):
                self.stats.sums[name.removeprefix("sums.")] = moments

    def _grow(self, lod: float) -> None:
        self.G.lod = self.D.lod = self.G_ema.lod = lod


def initial_state(
    recipe: Settled,
    *,
    c_dim: int,
    device: torch.device,
    dtype: torch.dtype,
    backend: BackendName = "auto",
) -> TrainingState:
    """Networks at their initial weights and fresh optimizers.

    Args:
        dtype: Type of the activations in training; the average always computes in float32.
    """
    G = build_generator(recipe, c_dim=c_dim, dtype=dtype, backend=backend).to(device)
    D = build_discriminator(recipe, c_dim=c_dim, dtype=dtype, backend=backend).to(device)
    G_ema = build_generator(recipe, c_dim=c_dim).to(device).eval().requires_grad_(False)
    for part in frozen_parts(recipe.init, G, D).values():
        freeze(part)
    if recipe.init.freeze_mapping:
        freeze(G_ema.mapping)
    first = stage_at(recipe, 0)
    G.lod = D.lod = G_ema.lod = first.lod
    opt_g, opt_d = new_optimizers(G, D, first, recipe)
    return TrainingState(
        G=G.train(),
        D=D.train(),
        G_ema=G_ema,
        opt_g=opt_g,
        opt_d=opt_d,
        pl_mean=torch.zeros((), device=device),
        augmentation=initial_augmentation(recipe, device),
        stats=Stats(device=device),
    )


def new_optimizers(
    G: Generator, D: Discriminator, stage: Stage, recipe: Settled
) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """Optimizers of both networks as a stage begins with them."""
    train, loss = recipe.train, recipe.loss
    betas = {"beta1": train.beta1, "beta2": train.beta2}
    every_g, every_d = (loss.pl_interval or None, loss.r1_interval) if loss.lazy else (None, None)
    return (
        adam(G, lr=stage.lr_g, interval=every_g, **betas),
        adam(D, lr=stage.lr_d, interval=every_d, **betas),
    )
