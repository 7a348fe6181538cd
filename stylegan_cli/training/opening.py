"""How a session of training begins: anew, from a network, or where the folder's state is."""

import numpy as np
import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import OutputError
from stylegan_cli.recipe import Recipe
from stylegan_cli.runtime import World, pick_dtype, repeatable, upload
from stylegan_cli.training.alarms import Watch
from stylegan_cli.training.conduct import Conduct, open_engine
from stylegan_cli.training.data import label_donors
from stylegan_cli.training.health import open_probe
from stylegan_cli.training.nets import Nets
from stylegan_cli.training.origin import open_origin
from stylegan_cli.training.outputs import open_outputs
from stylegan_cli.training.profiling import Tracer
from stylegan_cli.training.rules import rules
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.session import Session
from stylegan_cli.training.state import TrainingState, initial_state
from stylegan_cli.training.transfer import Transfer, plan_transfer, take_over


def open_session(
    recipe: Recipe,
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


def _start(state: TrainingState, recipe: Recipe, dataset: Dataset) -> Transfer | None:
    """Take the first weights from the network that the recipe names, if it names one."""
    if recipe.init.network is None:
        return None
    transfer = plan_transfer(open_origin(recipe.init), recipe, c_dim=dataset.c_dim)
    take_over(transfer, state)
    state.origin = transfer.origin.facts
    return transfer


def _nets(recipe: Recipe, dataset: Dataset, state: TrainingState, world: World) -> Nets:
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
