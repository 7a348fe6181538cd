"""From a written recipe to a run: keys left open and the origin are decided here, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.data.samples import drawn_path
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.recipe import Choice, Machine, Recipe, Settled, values, written
from stylegan_cli.recipe.families import keys_of
from stylegan_cli.runtime import World
from stylegan_cli.training.acceleration import USUAL, Acceleration
from stylegan_cli.training.run_folder import RunFolder
from stylegan_cli.training.schedule import is_growing
from stylegan_cli.training.transfer import Origin, open_origin

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """A recipe with every key decided.

    Attributes:
        reasons: Choices made for the keys that were "auto".
        origin: The network to start from; None without one, or if the run began before.
    """

    recipe: Settled
    reasons: Mapping[str, Choice]
    origin: Origin | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run: its recipe, its images, and where and on which hardware it runs.

    Attributes:
        recipe: With the hash of the network to start from, if there is one.
        origin: That network, if it is open already.
    """

    recipe: Settled
    dataset: Dataset
    folder: Path
    device: "torch.device"
    world: World = field(default_factory=World)
    acceleration: Acceleration = USUAL
    origin: Origin | None = None

    def __post_init__(self) -> None:
        init = self.recipe.init
        if init.network is not None and init.sha256 is None:
            raise UsageError("init.network: the recipe is not settled; call settle first")

    @property
    def files(self) -> RunFolder:
        return RunFolder(self.folder)


def training_data(recipe: Settled) -> Dataset:
    """Open the images at `data.path`; `sample:KIND` is drawn first.

    Raises:
        UsageError: The recipe names no data, or no such sample.
        DataError: The data cannot be used, or not by networks of this family.
    """
    data = recipe.data
    if data.path is None:
        raise UsageError("no images to train on; give `data`: a folder, or a prepared .zip or .h5")
    path = drawn_path(data.path, resolution=data.resolution, channels=data.channels)
    dataset = open_dataset(
        path,
        resolution=data.resolution,
        channels=data.channels,
        fit=data.fit,
        labels=data.labels,
    )
    if data.labels and keys_of(recipe.generator.family).needs_classes and not dataset.classes:
        raise DataError(
            f"{data.path}: labels are vectors, and {recipe.generator.family} learns classes only; "
            "choose another generator.family, or data.labels=false"
        )
    return dataset if data.max_images is None else dataset.part(data.max_images, seed=recipe.seed)


def settle(
    recipe: Recipe,
    folder: Path,
    *,
    machine: Machine,
    world: World | None = None,
    anew: bool = False,
) -> Settlement:
    """Decide every key of a recipe, the same in every process.

    The choices of a run in the folder stay, so that it can be resumed on another machine.

    Args:
        anew: Ignore a run in the folder.

    Raises:
        RecipeError: The recipe, or that of the run, has problems.
        NetworkFileError: The network to start from cannot be used.
        ForeignFileError: The same, of another program's file.
    """
    world = world or World()
    found = None
    if world.is_first:
        begun = None if anew else RunFolder(folder).begun()
        known = replace(machine, settled=values(begun) if begun else {})
        settled, origin = _with_origin(recipe.settle(known), begun)
        found = Settlement(recipe=settled, reasons=recipe.choices(known), origin=origin)
    # the tensors of the origin stay where they are: every process reads its own
    shared = world.gather(found and replace(found, origin=None))[0]
    settlement = found or shared
    assert settlement is not None, "the first process has settled it"
    return settlement


def recipe_of(network: str, folder: Path) -> Recipe:
    """Return the recipe of a trained network as one to train on with.

    Args:
        folder: If a run there began with this network, its recipe is taken instead.

    Raises:
        NetworkFileError: The network cannot be used.
        ForeignFileError: The same, of another program's file.
    """
    begun = RunFolder(folder).begun()
    is_ours = begun is not None and begun.init.network == network
    recipe = written(begun if begun and is_ours else open_origin(network).recipe)
    # ADA adapts as fast as from any network, not as fast as this one was trained
    kept = {
        key: value
        for key, value in recipe.values.items()
        if key != "augment.ada_kimg" and not key.startswith("init.")
    }
    return replace(recipe, source=network, values=kept)


def _with_origin(recipe: Settled, begun: Settled | None) -> tuple[Settled, Origin | None]:
    """Add the origin's hash; growing networks start at the resolution the origin has grown to."""
    init = recipe.init
    if init.network is None:
        return recipe, None
    if begun is not None and begun.init.network == init.network and begun.init.sha256:
        level = begun.growing.initial_resolution
        return _started(recipe, init.sha256 or begun.init.sha256, level), None
    origin = open_origin(init.network, init.sha256)
    return _started(recipe, origin.sha256, origin.grown_to), origin


def _started(recipe: Settled, sha256: str, level: int) -> Settled:
    started = replace(recipe, init=replace(recipe.init, sha256=sha256))
    if not is_growing(recipe):
        return started
    first = max(recipe.growing.initial_resolution, min(level, recipe.data.size.level))
    return replace(started, growing=replace(recipe.growing, initial_resolution=first))
