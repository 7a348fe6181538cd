"""Training as an iterator of ticks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import Interrupted
from stylegan_cli.recipe import Recipe
from stylegan_cli.recipe.automatic import resolve
from stylegan_cli.runtime import World
from stylegan_cli.training.conduct import AS_USUAL, Conduct, check_conduct
from stylegan_cli.training.growing import stages
from stylegan_cli.training.opening import open_session
from stylegan_cli.training.origin import as_begun, open_origin, with_origin
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.share import share_of
from stylegan_cli.training.tick import Tick


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    *,
    device: torch.device,
    world: World | None = None,
    conduct: Conduct = AS_USUAL,
    overwrite: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Tick]:
    """Train, from the folder's last state on, and keep its files up to date.

    The same recipe, data and machine give the same bits, however often the run was stopped.

    Args:
        folder: Where the run's files are; see `RunFolder`.
        conduct: How this machine does it; with other bits than by default, so that a run goes
            on with the same ones only if it is the same again.
        overwrite: Start anew, whatever run is there.
        stop: Asked after every iteration, with several processes after every 16th; True saves
            the state and raises Interrupted.

    Raises:
        UsageError: The batch cannot be dealt out to so many processes, or the run cannot be
            conducted as asked.
        OutputError: The folder holds something else or cannot be written.
        DataError: An image cannot be read.
        NetworkFileError: The state is damaged, or a network to start from cannot be used.
        TrainingError: A loss is not finite, or memory does not suffice; the last state is kept.
        Interrupted: `stop` said so; the same call goes on from there.
    """
    world, files = world or World(), RunFolder(path=folder)
    recipe = _settled(recipe, files, world, anew=overwrite)
    for stage in stages(recipe):
        share_of(recipe, stage, world)
    check_conduct(conduct, recipe, device, world)
    if world.is_first:
        files.prepare(recipe, overwrite=overwrite)
    world.barrier()
    session = open_session(recipe, dataset, files, device, world, conduct)
    yield from session.outside(session.begin())
    for batch in session.batches():
        for news in session.train(batch):
            yield from session.outside(news)
        if session.crossed():
            yield from session.outside(session.report())
        if session.is_done:
            return
        if session.shall_stop(stop):
            session.stop()
            raise Interrupted(f"stopped at {session.kimg:g} kimg; the same command goes on")


def _settled(recipe: Recipe, files: RunFolder, world: World, *, anew: bool) -> Recipe:
    """The recipe as it is written into the folder, the same in every process."""
    recipe = resolve(recipe)
    if recipe.init.network is None:
        return recipe
    if not world.is_first:
        settled = recipe
    elif files.state.exists() and not anew:
        settled = as_begun(recipe, files)
    else:
        settled = with_origin(recipe, open_origin(recipe.init))
    return world.gather(settled)[0]
