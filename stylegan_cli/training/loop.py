"""Training as an iterator of ticks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import Interrupted, OutputError
from stylegan_cli.recipe import Settled
from stylegan_cli.recipe.automatic import resolve
from stylegan_cli.runtime import World, pick_dtype, repeatable, upload
from stylegan_cli.training.acceleration import AS_USUAL, Conduct, check_conduct, open_engine
from stylegan_cli.training.alarms import Watch, rules
from stylegan_cli.training.data import label_donors
from stylegan_cli.training.health import open_probe
from stylegan_cli.training.inputs import Nets
from stylegan_cli.training.origin import as_begun, open_origin, with_origin
from stylegan_cli.training.outputs import open_outputs
from stylegan_cli.training.profiling import Tracer
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.schedule import share_of, stages
from stylegan_cli.training.session import Session
from stylegan_cli.training.state import TrainingState, initial_state
from stylegan_cli.training.tick import Tick
from stylegan_cli.training.transfer import Transfer, plan_transfer, take_over


def open_session(
    recipe: Settled,
    dataset: Dataset,
    folder: RunFolder,
    device: torch.device,
    world: World,
    conduct: Conduct,
) -> Session:
    """A session that goes on where the folder's state is, or begins.

    Raises:
        NetworkFileError: The state is damaged, or a network to start from cannot be used.
        UsageError: Layers are to keep weights that they do not get.
        OutputError: The state is of other images, or not seen by every process.
    """
    dtype = pick_dtype(recipe.train.precision, device)
    state = initial_state(
        recipe, c_dim=dataset.c_dim, device=device, dtype=dtype, backend=conduct.backend
    )
    repeatable(device, dtype)
    resumed = _resume(state, folder, dataset, world)
    transfer = None if resumed else _start(state, recipe, dataset)
    told = world.gather(folder.batch_per_device)[0]
    state.batch_per_device = min((n for n in (told, state.batch_per_device) if n), default=None)
    if world.is_first:
        folder.take_back_stats(state.cur_nimg)
    return Session(
        recipe=recipe,
        dataset=dataset,
        folder=folder,
        world=world,
        state=state,
        nets=_nets(recipe, dataset, state, world),
        outputs=open_outputs(folder, recipe, dataset, state) if world.is_first else None,
        probe=open_probe(recipe, dataset, device) if world.is_first else None,
        watch=Watch(rules=rules(recipe), counts=state.alarm_counts),
        resumed=resumed,
        engine=open_engine(conduct.engine, dtype),
        tracer=Tracer(
            count=conduct.profile if world.is_first else 0, folder=folder.profile, device=device
        ),
        transfer=transfer,
    )


def _resume(state: TrainingState, folder: RunFolder, dataset: Dataset, world: World) -> bool:
    saved = folder.load_state()
    if saved is not None:
        if saved.get("data_fingerprint") != dataset.fingerprint:
            raise OutputError(
                f"{folder.path}: was trained on other images or labels; go back to those, or "
                "train on these in another folder with -o"
            )
        state.load_state_dict(saved)
    if world.any(saved is None) and world.any(saved is not None):
        raise OutputError(
            f"{folder.state}: not seen by every process; put the run on storage all machines share"
        )
    return saved is not None


def _start(state: TrainingState, recipe: Settled, dataset: Dataset) -> Transfer | None:
    """Take the first weights from the network that the recipe names, if it names one."""
    if recipe.init.network is None:
        return None
    transfer = plan_transfer(open_origin(recipe.init), recipe, c_dim=dataset.c_dim)
    take_over(transfer, state)
    state.origin = transfer.origin.facts
    return transfer


def _nets(recipe: Settled, dataset: Dataset, state: TrainingState, world: World) -> Nets:
    device = state.pl_mean.device
    donors = label_donors(recipe, dataset)
    return Nets(
        G=state.G,
        D=state.D,
        loss=recipe.loss,
        augmentation=state.augmentation,
        r1_gamma=recipe.loss.r1_gamma,
        n_images=len(donors),
        labels_of=lambda indices: upload(
            torch.from_numpy(np.stack([dataset.label(donors[i]) for i in indices])), device
        ),
        world=world,
    )


def train(
    recipe: Settled,
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


def _settled(recipe: Settled, files: RunFolder, world: World, *, anew: bool) -> Settled:
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
