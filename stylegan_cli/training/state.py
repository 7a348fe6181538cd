"""State of a run: everything it needs to resume as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NotRequired

import torch
from annotated_types import Ge, Interval
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor
from typing_extensions import TypedDict

from stylegan_cli.networks.discriminators import Discriminator
from stylegan_cli.networks.family import build_discriminator, build_generator
from stylegan_cli.networks.generator import Generator
from stylegan_cli.ops import BackendName
from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import World
from stylegan_cli.training.augment import Augmentation, initial_augmentation
from stylegan_cli.training.optimizers import adam, check_optimizer, freeze, frozen_parts
from stylegan_cli.training.run_folder import damaged_state
from stylegan_cli.training.schedule import Share, Stage, level_key, share_of, stage_at

MOST_THREADS = 1024
"""On a CPU; a process that starts many more is killed."""
Number = Annotated[int, Ge(0)]
Tensors = dict[str, Tensor]


class OptimizerEntries(TypedDict):
    """State of one Adam."""

    state: dict[int, Tensors]
    param_groups: list[dict[str, Any]]


class AugmentationEntries(TypedDict):
    """State of `Augmentation`."""

    p: Annotated[float, Interval(ge=0, le=1)]
    signs: Tensor


class OriginEntries(TypedDict):
    """Facts about the network that training started from."""

    network: str
    network_sha256: str
    title: str
    kimg: float
    licence: str


class Entries(TypedDict):
    """Entries of `state.pt`, of this version and all before."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]
        arbitrary_types_allowed=True, strict=True, allow_inf_nan=False
    )

    G: Tensors
    D: Tensors
    G_ema: Tensors
    opt_g: OptimizerEntries
    opt_d: OptimizerEntries
    lod: NotRequired[Annotated[float, Interval(ge=0, le=10)]]
    pl_mean: Tensor
    augmentation: AugmentationEntries | None
    sums: Tensors
    cur_nimg: Number
    iteration: Number
    seconds: Annotated[float, Ge(0)]
    origin: NotRequired[OriginEntries | None]
    alarm_counts: NotRequired[dict[str, Number]]
    batch_per_device: NotRequired[Annotated[int, Ge(1)] | None]
    threads: NotRequired[Annotated[int, Interval(ge=1, le=MOST_THREADS)] | None]


_ENTRIES = TypeAdapter(Entries)
_MODULES = ("G", "D", "G_ema", "opt_g", "opt_d")
_PLAIN = (
    *("cur_nimg", "iteration", "seconds", "origin"),
    *("alarm_counts", "batch_per_device", "threads"),
)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Running sums of named values, for means over samples, iterations and processes."""

    device: torch.device
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """Add values of any shape, without waiting for the device."""
        values = values.detach().float()
        moments = torch.stack([values.sum(), torch.full_like(values.sum(), values.numel())])
        if name in self.sums:
            self.sums[name] += moments
        else:
            self.sums[name] = moments

    def means(self, world: World) -> dict[str, float]:
        """Return the mean of each name since the last reset, over all processes."""
        names = sorted(self.sums)
        if not names:
            return {}
        moments = world.mean_(torch.stack([self.sums[name] for name in names]))
        values = (moments[:, 0] / moments[:, 1]).tolist()
        return dict(zip(names, values, strict=True))

    def pool(self, world: World) -> None:
        """Average the sums over all processes."""
        for name in sorted(self.sums):
            world.mean_(self.sums[name])

    def reset(self) -> None:
        self.sums.clear()


@dataclass(kw_only=True)
class TrainingState:
    """Networks, optimizers and counters of a run: everything in it that changes.

    Attributes:
        cur_nimg: Real images shown so far.
        seconds: Time spent so far, over all sessions.
        origin: Facts about the network that training started from, if there is one.
        batch_per_device: Images a device processes at once, if it ran out of memory with as many
            as the recipe says.
        threads: Number of threads of the run so far, on a CPU.
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
    threads: int | None = None

    @property
    def lod(self) -> float:
        """Return the levels missing in the last iteration, or in the first."""
        return self.G.lod

    def share(self, recipe: Settled, stage: Stage, world: World) -> Share:
        """Return this process's share of a batch, in rounds that fit into memory."""
        return share_of(recipe, stage, world, batch_per_device=self.batch_per_device)

    def enter(self, stage: Stage, recipe: Settled) -> None:
        """Grow the networks to a stage; with other levels than before, reset the optimizers."""
        if level_key(stage.lod) != level_key(self.lod):
            self.opt_g, self.opt_d = new_optimizers(self.G, self.D, stage, recipe)
        self.G.lod = self.D.lod = self.G_ema.lod = stage.lod

    def state_dict(self) -> dict[str, Any]:
        """Return plain tensors and numbers, for `save_state`."""
        return {
            **{name: getattr(self, name).state_dict() for name in _MODULES},
            "lod": self.lod,
            "pl_mean": self.pl_mean,
            "augmentation": self.augmentation.state_dict() if self.augmentation else None,
            "sums": dict(self.stats.sums),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def load_entries(self, entries: Mapping[str, Any], path: Path) -> None:
        """Take over the entries of a state file."""
        try:
            # from here on, torch and Python may raise almost anything
            self._check_sums(found := _ENTRIES.validate_python(entries))
            self.load_state_dict(found)
            check_optimizer(self.opt_g)
            check_optimizer(self.opt_d)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise damaged_state(path, ValueError(f"{place}: {first['msg']}")) from None
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise damaged_state(path, error) from None

    def _check_sums(self, entries: Entries) -> None:
        adapted = entries["augmentation"]
        if (adapted is None) != (self.augmentation is None):
            raise ValueError("augmentation: of another recipe")
        sums = [*entries["sums"].values(), *([adapted["signs"]] if adapted else [])]
        if entries["pl_mean"].ndim or any(moments.shape != (2,) for moments in sums):
            raise ValueError("sums of statistics of another shape")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a result of `state_dict`."""
        for name in _MODULES:
            getattr(self, name).load_state_dict(state[name])
        # the first versions had no growing networks
        self.G.lod = self.D.lod = self.G_ema.lod = state.get("lod", 0.0)
        self.pl_mean.copy_(state["pl_mean"])
        if self.augmentation is not None:
            self.augmentation.load_state_dict(state["augmentation"])
        for name, moments in state["sums"].items():
            self.stats.sums[name] = moments.to(self.pl_mean.device)
        # nor did they start from a network, raise alarms, or survive running out of memory
        for name in _PLAIN:
            setattr(self, name, state.get(name, getattr(self, name)))

    def tracked(self) -> dict[str, Tensor]:
        """Copy everything that changes while gradients are gathered, by name."""
        return {name: tensor.clone() for name, tensor in self._moving().items()}

    def take_back(self, tracked: Mapping[str, Tensor]) -> None:
        """Restore a result of `tracked`."""
        for name, tensor in self._moving().items():
            if name in tracked:
                tensor.copy_(tracked[name])
            else:
                del self.stats.sums[name.removeprefix("sums.")]

    def _moving(self) -> dict[str, Tensor]:
        signs = {"signs": self.augmentation.signs} if self.augmentation else {}
        sums = {f"sums.{name}": moments for name, moments in self.stats.sums.items()}
        return {"pl_mean": self.pl_mean, **self.G.tracked, **signs, **sums}


def initial_state(
    recipe: Settled,
    *,
    c_dim: int,
    device: torch.device,
    dtype: torch.dtype,
    backend: BackendName = "auto",
) -> TrainingState:
    """Return networks at their initial weights and fresh optimizers.

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
    """Return the optimizers of both networks at the start of a stage."""
    train, loss = recipe.train, recipe.loss
    betas = {"beta1": train.beta1, "beta2": train.beta2}
    every_g, every_d = (loss.pl_interval or None, loss.r1_interval) if loss.lazy else (None, None)
    return (
        adam(G, lr=stage.lr_g, interval=every_g, **betas),
        adam(D, lr=stage.lr_d, interval=every_d, **betas),
    )
