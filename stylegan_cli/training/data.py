"""The data set a recipe asks for."""

from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.data.samples import drawn_path
from stylegan_cli.errors import UsageError
from stylegan_cli.recipe import Recipe


def training_data(recipe: Recipe) -> Dataset:
    """Images at `data.path`, or drawn first where it is `sample:KIND`.

    Raises:
        UsageError: The recipe names no data, or no such sample.
        DataError: The data cannot be used.
    """
    data = recipe.data
    if data.path is None:
        raise UsageError("no images to train on; add --data FOLDER, a prepared .zip or .h5")
    path = drawn_path(data.path, resolution=data.resolution, channels=data.channels)
    return open_dataset(
        path,
        resolution=data.resolution,
        channels=data.channels,
        fit=data.fit,
        labels=data.labels,
    )
