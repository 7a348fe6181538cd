"""The data set a recipe asks for, and the order in which a run sees it."""

from collections.abc import Sequence

from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.data.sampler import BalancedSampler, Sampler, Stream
from stylegan_cli.data.samples import drawn_path
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.recipe import Recipe


def training_data(recipe: Recipe) -> Dataset:
    """Images at `data.path`, or drawn first where it is `sample:KIND`.

    Raises:
        UsageError: The recipe names no data, or no such sample.
        DataError: The data cannot be used, or not by networks of this family.
    """
    data = recipe.data
    if data.path is None:
        raise UsageError("no images to train on; add --data FOLDER, a prepared .zip or .h5")
    path = drawn_path(data.path, resolution=data.resolution, channels=data.channels)
    dataset = open_dataset(
        path,
        resolution=data.resolution,
        channels=data.channels,
        fit=data.fit,
        labels=data.labels,
    )
    if recipe.generator.family == "progan" and data.labels and not dataset.classes:
        raise DataError(
            f"{data.path}: labels are vectors, and a Progressive GAN learns classes only; "
            "choose another generator.family, or data.labels=false"
        )
    return dataset if data.max_images is None else dataset.part(data.max_images, seed=recipe.seed)


def stream_of(recipe: Recipe, dataset: Dataset) -> Stream:
    """Which image of the data set a run shows when.

    Raises:
        DataError: Classes are to be shown equally often, and there are none.
    """
    seed, mirror = recipe.seed, recipe.data.mirror
    if recipe.data.balance:
        return BalancedSampler(dataset.members(), seed=seed, mirror=mirror)
    return Sampler(len(dataset), seed=seed, mirror=mirror)


def label_donors(recipe: Recipe, dataset: Dataset) -> Sequence[int]:
    """Images whose labels, each as likely as the others, are distributed as the stream's.

    Raises:
        DataError: As in `stream_of`.
    """
    if recipe.data.balance:
        return [images[0] for images in dataset.members()]
    return range(len(dataset))
