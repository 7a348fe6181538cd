"""Schedule of progressive growing, [PG] section 2, and the division of batches."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from stylegan_cli.errors import TrainingError, UsageError
from stylegan_cli.recipe import GrowingSection, Settled
from stylegan_cli.runtime import World
from stylegan_cli.sizes import Size


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Size of the networks, and how they are trained there.

    Attributes:
        lod: Levels still missing; fractional while one fades in.
        level: Level of the images, by which the recipe's tables go: the side of squares.
        from_kimg: Time at which this resolution begins to fade in; 0 for the first.
    """

    lod: float
    level: int
    size: Size
    from_kimg: float
    batch_size: int
    lr_g: float
    lr_d: float

    @property
    def missing(self) -> int:
        return math.floor(self.lod)


def level_key(lod: float) -> tuple[int, int]:
    """Return the levels missing at the newest level that takes part, and at the one below.

    Optimizers are reset when they change.
    """
    return math.floor(lod), math.ceil(lod)


def is_growing(recipe: Settled) -> bool:
    """Return whether the networks of a run grow."""
    return recipe.generator.architecture == "progressive"


def stage_at(recipe: Settled, cur_nimg: int) -> Stage:
    """Return the stage of a run after so many images."""
    return _stage(recipe, _schedule(recipe).lod(cur_nimg))


def stages(recipe: Settled) -> tuple[Stage, ...]:
    """Return the stages at which each resolution of a run has faded in, in order."""
    levels = range(_schedule(recipe).levels, -1, -1)
    first, *later = (_stage(recipe, float(level)) for level in levels)
    return (first, *(stage for stage in later if stage.from_kimg < recipe.train.total_kimg))


@dataclass(frozen=True, kw_only=True)
class _Schedule:
    """Levels missing at the start, and the images for training one and fading in the next.

    In whole images: in fractions of thousands, phases would not join exactly.
    """

    levels: int
    training: int
    transition: int

    @property
    def length(self) -> int:
        return self.training + self.transition

    def lod(self, cur_nimg: int) -> float:
        """Return the levels missing after so many images."""
        if not self.levels:
            return 0.0
        phase, passed = divmod(cur_nimg, self.length)
        fading = max(passed - self.training, 0)
        faded = fading / self.transition if fading else 0.0
        return max(self.levels - phase - faded, 0.0)

    def fades_in_from(self, level: int) -> int:
        """Return the images shown before a level begins to fade in; 0 for the first."""
        return max((self.levels - level) * self.length - self.transition, 0)


def _schedule(recipe: Settled) -> _Schedule:
    growing = recipe.growing
    training, transition = (
        round(kimg * 1000) for kimg in (growing.training_kimg, growing.transition_kimg)
    )
    levels = recipe.data.size.level.bit_length() - growing.initial_resolution.bit_length()
    grows = is_growing(recipe) and training + transition > 0
    return _Schedule(levels=levels if grows else 0, training=training, transition=transition)


def _stage(recipe: Settled, lod: float) -> Stage:
    missing, train = math.floor(lod), recipe.train
    size = recipe.data.size >> missing
    tables = recipe.growing if is_growing(recipe) else GrowingSection()
    lr = tables.lr.get(str(size.level))
    return Stage(
        lod=lod,
        level=size.level,
        size=size,
        from_kimg=_schedule(recipe).fades_in_from(missing) / 1000,
        batch_size=tables.batch_size.get(str(size.level), train.batch_size),
        lr_g=lr or train.lr_g,
        lr_d=lr or train.lr_d,
    )


@dataclass(frozen=True, kw_only=True)
class Share:
    """This process's share of a batch: sample positions, split into accumulation rounds.

    Samples are distributed one by one, to processes first and rounds second, so that the groups
    of minibatch standard deviation are those of one process with the whole batch.
    """

    stage: Stage
    samples: Sequence[int]
    rounds: int

    def split(self, count: int | None = None) -> list[range]:
        """Return the positions, in this process's batch, of each round over `count` samples."""
        local = range(len(self.samples) if count is None else count)
        return [local[k :: self.rounds] for k in range(self.rounds) if k < len(local)]


def share_of(
    recipe: Settled, stage: Stage, world: World, *, batch_per_device: int | None = None
) -> Share:
    """Return this process's share of every batch of a stage.

    `train.batch_per_device` counts images of full resolution; those of half the side take a
    quarter of the memory.

    Args:
        batch_per_device: Replaces the recipe's, if the device ran out of memory.

    Raises:
        UsageError: The batch cannot be divided among so many processes.
    """
    batch, group = stage.batch_size, recipe.discriminator.mbstd_group_size
    if batch % world.size:
        raise UsageError(
            f"{_named_batch(recipe, stage)} is not divisible by the {world.size} processes; "
            f"choose a multiple of {world.size}"
        )
    samples = range(world.rank, batch, world.size)
    room = batch_per_device or recipe.train.batch_per_device or batch
    at_once = room * 4**stage.missing
    share = Share(stage=stage, samples=samples, rounds=-(-len(samples) // at_once))
    for part in share.split():
        if len(part) > group and len(part) % group:
            raise UsageError(
                f"{_named_batch(recipe, stage)} gives each of {world.size} processes {len(part)} "
                f"images at once, which discriminator.mbstd_group_size {group} does not divide; "
                f"choose a multiple of {group * world.size * share.rounds}"
            )
    return share


def smaller_batch_per_device(recipe: Settled, share: Share, world: World) -> int:
    """Return a `batch_per_device` of at most half the images at once of a share that failed."""
    at_once = len(share.split()[0])
    # counted at full resolution: memory filled at a small one may hold less than one image there
    for fewer in range(at_once // 2 // 4**share.stage.missing, 0, -1):
        with suppress(UsageError):  # it does not divide the batches
            for stage in stages(recipe):
                share_of(recipe, stage, world, batch_per_device=fewer)
            return fewer
    raise TrainingError(
        f"out of memory with {at_once} images at once, and fewer are not possible; the last state "
        "is kept. Choose a smaller `generator.channel_base=…` or `data.resolution=…`, in another "
        "folder"
    )


def _named_batch(recipe: Settled, stage: Stage) -> str:
    if is_growing(recipe) and str(stage.level) in recipe.growing.batch_size:
        return f"growing.batch_size: {stage.batch_size} at {stage.size.value} px"
    return f"train.batch_size: {stage.batch_size}"
