"""One training iteration: its phases over this process's share of the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from stylegan_cli.networks.layers import fade, halve, split_lod, upscale
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import to_images
from stylegan_cli.runtime import World, is_out_of_memory
from stylegan_cli.shapes import C
from stylegan_cli.sizes import Size
from stylegan_cli.training.data import Batch
from stylegan_cli.training.engines import Engine, Job, eager
from stylegan_cli.training.inputs import (
    Inputs,
    Nets,
    PhaseStreams,
    Reals,
    draw_fakes,
    draw_judging,
    draw_paths,
    draw_reals,
)
from stylegan_cli.training.optimizers import ema_decay, step, update_ema
from stylegan_cli.training.phases import Outcome, blur_sigma, d_main, d_reg, g_main, g_reg
from stylegan_cli.training.schedule import Share, Stage, smaller_batch_per_device
from stylegan_cli.training.state import TrainingState


def nets_of(
    state: TrainingState,
    recipe: Settled,
    *,
    labels: Callable[[Sequence[int]], C] | None = None,
    world: World | None = None,
) -> Nets:
    """Return the networks of a run as its phases see them.

    Args:
        labels: As of `Nets`; None for networks without labels.
    """
    device = state.pl_mean.device
    return Nets(
        G=state.G,
        D=state.D,
        loss=recipe.loss,
        augmentation=state.augmentation,
        labels=labels or (lambda seeds: torch.zeros(len(seeds), 0, device=device)),
        world=world or World(),
    )


def train_batch(
    state: TrainingState,
    nets: Nets,
    recipe: Settled,
    stage: Stage,
    batch: Batch,
    engine: Engine = eager,
) -> None:
    """Show D a batch of real images and update both networks.

    A single process that runs out of memory repeats the update with the same draws and fewer
    images at once, which `state.batch_per_device` then holds.
    """
    state.enter(stage, recipe)
    nets = replace(nets, blur_sigma=blur_sigma(recipe, state.cur_nimg))
    run = _Iteration(state, nets, recipe, stage, engine)
    reals = _reals(batch, state.lod)
    if recipe.train.order == "g-first":
        run.move_g()
        run.move_d(reals)
        run.average()
    else:
        run.move_d(reals)
        run.average()
        run.move_g()
    state.cur_nimg += stage.batch_size
    state.iteration += 1
    if state.augmentation is not None:
        state.augmentation.adjust(
            iteration=state.iteration, batch_size=stage.batch_size, world=nets.world
        )


Drawn = TypeVar("Drawn", bound=Inputs)


@dataclass(frozen=True)
class _Phase(Generic[Drawn]):
    """A part of the loss, computed from inputs drawn for each round.

    Attributes:
        count: Number of samples of this process's share that take part; None takes all.
        draw: Maps random streams and positions in this process's batch to inputs.
    """

    name: str
    count: int | None
    draw: Callable[[PhaseStreams, range], Drawn]
    compute: Callable[[Nets, Drawn], Outcome]


@dataclass(frozen=True)
class _Iteration:
    state: TrainingState
    nets: Nets
    recipe: Settled
    stage: Stage
    engine: Engine

    @property
    def share(self) -> Share:
        return self.state.share(self.recipe, self.stage, self.nets.world)

    def move_g(self) -> None:
        """Update G by its loss, and by path lengths if they are due."""
        nets, state, loss = self.nets, self.state, self.recipe.loss
        shrunk = max(1, len(self.share.samples) // loss.pl_batch_shrink)
        main = _Phase("g", None, lambda s, _: draw_fakes(nets, s), g_main)
        lengths = _Phase("g_reg", shrunk, lambda s, _: draw_paths(nets, s, state.pl_mean), g_reg)
        if loss.pl_weight == 0:
            self._update(nets.G, main)
        elif not loss.lazy:
            self._update(nets.G, main, lengths)
        else:
            self._update(nets.G, main)
            if state.iteration % loss.pl_interval == 0:
                self._update(nets.G, lengths)

    def move_d(self, reals: Reals) -> None:
        """Update D by its loss, and by a lazy R1 if it is due."""
        nets, loss = self.nets, self.recipe.loss
        main = _Phase("d", None, lambda s, i: draw_judging(nets, s, _pick(reals, i)), d_main)
        r1 = _Phase("d_reg", None, lambda s, i: draw_reals(nets, s, _pick(reals, i)), d_reg)
        self._update(nets.D, main)
        if nets.loss.r1_gamma > 0 and loss.lazy and self.state.iteration % loss.r1_interval == 0:
            self._update(nets.D, r1)

    def average(self) -> None:
        """Update the average of G's weights."""
        train, decay = self.recipe.train, self.recipe.train.ema_decay
        if decay is None:
            decay = ema_decay(
                batch_size=self.stage.batch_size,
                ema_kimg=train.ema_kimg,
                rampup=train.ema_rampup,
                cur_nimg=self.state.cur_nimg,
            )
        update_ema(self.state.G_ema, self.state.G, decay)

    def _update(self, network: nn.Module, *phases: _Phase[Any]) -> None:
        """Add up the gradients of phases and step the optimizer once."""
        nets, state = self.nets, self.state
        nets.G.requires_grad_(network is nets.G)
        nets.D.requires_grad_(network is nets.D)
        while not self._gather(network, phases):
            network.zero_grad()
        optimizer = state.opt_g if network is nets.G else state.opt_d
        norm = step(optimizer, nets.world)
        state.stats.add(f"grad_norm_{phases[0].name}", norm)

    def _gather(self, network: nn.Module, phases: Sequence[_Phase[Any]]) -> bool:
        """Add up gradients over rounds; if memory runs out, halve the rounds and return False."""
        state, world, before = self.state, self.nets.world, self.state.tracked()
        try:
            self._backward(network, phases)
        except (MemoryError, RuntimeError) as error:
            # the other processes wait for this one: they can only restart together
            if world.size > 1 or not is_out_of_memory(error):
                raise
            state.batch_per_device = smaller_batch_per_device(self.recipe, self.share, world)
            state.take_back(before)
            return False
        return True

    def _backward(self, network: nn.Module, phases: Sequence[_Phase[Any]]) -> None:
        for phase in phases:
            rounds = self.share.split(phase.count)
            total = sum(len(indices) for indices in rounds)
            for indices in rounds:
                job = Job(
                    name=phase.name,
                    compute=phase.compute,
                    inputs=phase.draw(self._streams(phase.name, indices), indices),
                    network=network,
                    weight=len(indices) / total,
                )
                self._note(self.engine(self.nets, job))

    def _note(self, outcome: Outcome) -> None:
        """Count observations and update running means."""
        state, world = self.state, self.nets.world
        for name, values in outcome.observed.items():
            state.stats.add(name, values)
        if outcome.w_mean is not None:
            state.G.mapping.track(world.mean_(outcome.w_mean))
        if outcome.moved is not None:
            state.G.synthesis.track(world.mean_(outcome.moved))
        if outcome.pl_mean is not None:
            state.pl_mean.copy_(outcome.pl_mean)
        if state.augmentation is not None and "r_t" in outcome.observed:
            state.augmentation.observe(outcome.observed["r_t"])

    def _streams(self, phase: str, indices: range) -> PhaseStreams:
        return PhaseStreams(
            seed=self.recipe.seed,
            phase=phase,
            iteration=self.state.iteration,
            samples=[self.share.samples[i] for i in indices],
            device=self.state.pl_mean.device,
        )


def _reals(batch: Batch, lod: float) -> Reals:
    """Return reals at this lod: a level that fades in adds its share of detail."""
    images = to_images(batch.pixels)
    _, share = split_lod(lod)
    if share:
        images = fade(images, upscale(halve(images), Size(*images.shape[2:])), share)
    return Reals(images=images, c=batch.labels)


def _pick(reals: Reals, indices: range) -> Reals:
    # a slice: indexing a GPU's tensor by a list waits for the GPU
    part = slice(indices.start, indices.stop, indices.step)
    return replace(reals, images=reals.images[part], c=reals.c[part])
