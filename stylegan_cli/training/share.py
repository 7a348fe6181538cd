"""What one process does of a batch, and how much of that at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylegan_cli.errors import UsageError
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import World
from stylegan_cli.training.growing import Stage, is_growing


@dataclass(frozen=True, kw_only=True)
class Share:
    """What this process does of a batch: sample positions, split into accumulation rounds.

    Samples are dealt out one by one, to processes first and rounds second, so that the groups
    of minibatch standard deviation are those of one process with the whole batch.

    Attributes:
        stage: What the batch is of.
    """

    stage: Stage
    samples: Sequence[int]
    rounds: int

    def split(self, count: int | None = None) -> list[range]:
        """Positions in this process's batch of each round, of the first `count` samples."""
        local = range(len(self.samples) if count is None else count)
        return [local[k :: self.rounds] for k in range(self.rounds) if k < len(local)]


def share_of(
    recipe: Recipe, stage: Stage, world: World, *, batch_per_device: int | None = None
) -> Share:
    """This process's share of every batch of a stage.

    Images of half the side take a quarter of the memory: `train.batch_per_device` is meant at
    the full resolution.

    Args:
        batch_per_device: Instead of the recipe's, where the device turned out to hold fewer.

    Raises:
        UsageError: The batch cannot be dealt out to so many processes.
    """
    batch, group = stage.batch_size, recipe.discriminator.mbstd_group_size
    if batch % world.size:
        raise UsageError(
            f"{_named_batch(recipe, stage)} does not divide by the {world.size} processes; "
            f"choose a multiple of {world.size}"
        )
    samples = range(world.rank, batch, world.size)
    room = batch_per_device or recipe.train.batch_per_device or batch
    at_once = room * 4**stage.levels
    share = Share(stage=stage, samples=samples, rounds=-(-len(samples) // at_once))
    for part in share.split():
        if len(part) > group and len(part) % group:
            raise UsageError(
                f"{_named_batch(recipe, stage)} gives each of {world.size} processes {len(part)} "
                f"images at once, which discriminator.mbstd_group_size {group} does not divide; "
                f"choose a multiple of {group * world.size * share.rounds}"
            )
    return share


def _named_batch(recipe: Recipe, stage: Stage) -> str:
    if is_growing(recipe) and str(stage.resolution) in recipe.growing.batch_size:
        return f"growing.batch_size: {stage.batch_size} at {stage.resolution} px"
    return f"train.batch_size: {stage.batch_size}"
