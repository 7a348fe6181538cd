"""Packaging of a network from a snapshot, with weights rounded to 16-bit floats.

python -c "from stylegan_cli.shipped.making import ship; ship('newest.safetensors', kimg=420)"
"""

from dataclasses import replace
from pathlib import Path

from stylegan_cli.networks.snapshot import load_network, save_network
from stylegan_cli.recipe.sections import InitSection
from stylegan_cli.shipped import FOLDER, USUAL

LICENCE = 'CC BY 4.0: drawn portraits "Toon Head" by Johan Melin, through DiceBear'


def ship(
    snapshot: Path | str, name: str = USUAL, folder: Path = FOLDER, *, kimg: float | None = None
) -> Path:
    """Write a network of drawn portraits as one of the package; the same network, the same weights.

    Args:
        kimg: Of all trainings, where the last one began from a trained network.

    Raises:
        NetworkFileError: The snapshot cannot be read.
        OutputError: The folder cannot be written.
    """
    network = load_network(Path(snapshot), discriminator=True)
    assert network.D is not None
    recipe = network.recipe
    drawn = replace(
        recipe,
        title=name,
        data=replace(recipe.data, path="sample:portraits"),
        init=InitSection(),
    )
    header = replace(
        network.header,
        recipe=drawn,
        licence=LICENCE,
        kimg=network.kimg if kimg is None else kimg,
    )
    path = folder / f"{name}.safetensors"
    save_network(path, header, network.G.half(), network.D.half())
    return path
