"""One training iteration: its four phases over this process's share of the batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stylegan_cli.data.loader import RealBatch
from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import World
from stylegan_cli.training.draws import PhaseStreams
from stylegan_cli.training.ema import ema_decay, update_ema
from stylegan_cli.training.optimizers import step
from stylegan_cli.training.phases import Nets, Reals, d_main, d_reg, g_main, g_reg
from stylegan_cli.training.state import TrainingState


@dataclass(frozen=True, kw_only=True)
class Share:
    """What this process does of a batch: sample positions, split into accumulation rounds.

    Samples are dealt out one by one, to processes first and rounds second, so that the groups
    of minibatch standard deviation are those of one process with the whole batch.
    """

    samples: Sequence[int]
    rounds: int

    def split(self, count: int | None = None) -> list[list[int]]:
        """Positions in this process's batch of each round, of the first `count` samples."""
        local = range(len(self.samples) if count is None else count)
        return [list(local[k :: self.rounds]) for k in range(self.rounds) if k < len(local)]


def share_of(recipe: Recipe, world: World) -> Share:
    """This process's share of every batch.

    Raises:
        UsageError: The batch cannot be dealt out to so many processes.
    """
    batch, group = recipe.train.batch_size, recipe.discriminator.mbstd_group_size
    if batch % world.size:
        raise UsageError(
            f"train.batch_size: {batch} does not divide by the {world.size} processes; "
            f"choose a multiple of {world.size}"
        )
    samples = range(world.rank, batch, world.size)
    at_once = recipe.train.batch_per_device or len(samples)
    share = Share(samples=samples, rounds=-(-len(samples) // at_once))
    for part in share.split():
        if len(part) > group and len(part) % group:
            raise UsageError(
                f"train.batch_size: {batch} gives each of {world.size} processes {len(part)} "
                f"images at once, which discriminator.mbstd_group_size {group} does not divide; "
                f"choose a multiple of {group * world.size * share.rounds}"
            )
    return share


def train_batch(
    state: TrainingState, nets: Nets, recipe: Recipe, share: Share, batch: RealBatch
) -> None:
    """Show D a batch of real images and move both networks on."""
    run = _Iteration(state, nets, recipe, share)
    reals = _to_device(batch, nets)
    loss = recipe.loss
    shrunk = max(1, len(share.samples) // loss.pl_batch_shrink)

    run.update(nets.G, share.split(), "g", lambda s, _: g_main(nets, s))
    if loss.pl_weight > 0 and state.iteration % loss.pl_interval == 0:
        run.update(nets.G, share.split(shrunk), "g_reg", lambda s, _: g_reg(nets, s, state.pl_mean))
    run.update(nets.D, share.split(), "d", lambda s, i: d_main(nets, s, _pick(reals, i)))
    if nets.r1_gamma > 0 and state.iteration % loss.r1_interval == 0:
        run.update(nets.D, share.split(), "d_reg", lambda _, i: d_reg(nets, _pick(reals, i)))

    train = recipe.train
    decay = ema_decay(
        batch_size=train.batch_size,
        ema_kimg=train.ema_kimg,
        rampup=train.ema_rampup,
        cur_nimg=state.cur_nimg,
    )
    update_ema(state.G_ema, state.G, decay)
    state.cur_nimg += train.batch_size
    state.iteration += 1


@contextmanager
def enough_memory(share: Share) -> Iterator[None]:
    """Say in words that the device's memory does not suffice.

    Raises:
        TrainingError: With what to do about it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        at_once = len(share.split()[0])
        raise TrainingError(
            f"out of memory with {at_once} images at once; the last state is kept. Choose a "
            f"smaller --set train.batch_per_device={max(1, at_once // 2)}, in another folder"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    # the CPU's allocator has no class of error of its own
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or "DefaultCPUAllocator" in str(error)


Phase = Callable[[PhaseStreams, list[int]], Tensor]


@dataclass(frozen=True)
class _Iteration:
    state: TrainingState
    nets: Nets
    recipe: Recipe
    share: Share

    def update(self, network: nn.Module, rounds: list[list[int]], name: str, phase: Phase) -> None:
        """Accumulate a phase's gradients over its rounds and step the network's optimizer."""
        nets, state = self.nets, self.state
        nets.G.requires_grad_(network is nets.G)
        nets.D.requires_grad_(network is nets.D)
        total = sum(len(indices) for indices in rounds)
        for indices in rounds:
            loss = phase(self._streams(name, indices), indices)
            (loss * (len(indices) / total)).backward()
        optimizer = state.opt_g if network is nets.G else state.opt_d
        norm = step(optimizer, nets.world)
        nets.stats.add(f"grad_norm_{name}", norm)

    def _streams(self, phase: str, indices: list[int]) -> PhaseStreams:
        return PhaseStreams(
            seed=self.recipe.seed,
            phase=phase,
            iteration=self.state.iteration,
            samples=[self.share.samples[i] for i in indices],
            device=self.state.pl_mean.device,
        )


def _to_device(batch: RealBatch, nets: Nets) -> Reals:
    device = nets.G.mapping.w_avg.device
    pixels = torch.from_numpy(np.ascontiguousarray(batch.pixels))
    images = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Reals(images=images, c=torch.from_numpy(batch.labels).to(device, non_blocking=True))


def _pick(reals: Reals, indices: list[int]) -> Reals:
    if len(indices) == len(reals.images):
        return reals
    return Reals(images=reals.images[indices], c=reals.c[indices])
