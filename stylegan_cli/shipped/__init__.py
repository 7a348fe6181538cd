"""Networks that ship in the package; NOTICE says what they learned from."""

from dataclasses import replace
from pathlib import Path

from stylegan_cli.download import address_of, fetched
from stylegan_cli.errors import NetworkFileError, meant
from stylegan_cli.files import similar

FOLDER = Path(__file__).parent
USUAL = "portraits-64"
LICENCE = 'CC BY 4.0: drawn portraits "Toon Head" by Johan Melin, through DiceBear'


def shipped_names() -> tuple[str, ...]:
    """Return the names of the networks in the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def shipped_network(name: str = USUAL) -> Path:
    """Return the file of a network in the package."""
    return FOLDER / f"{name}.safetensors"


def network_at(path: Path) -> Path:
    """Return the path of a network in the package by name, or at an address; else the path.

    Raises:
        NetworkFileError: There is neither a file nor a network of that name.
        DownloadError: The address cannot be fetched.
    """
    if address := address_of(path):
        return fetched(address)
    name, names = str(path), shipped_names()
    if path.exists():
        return path
    if name in names:
        return shipped_network(name)
    lead = similar(path) or meant(name, names)
    raise NetworkFileError(f"{path}: no such file, and no packaged network of this name{lead}")


def ship(
    snapshot: Path | str, name: str = USUAL, folder: Path = FOLDER, *, kimg: float | None = None
) -> Path:
    """Write a network of drawn portraits as one of the package, its weights in 16-bit floats.

    python -c "from stylegan_cli.shipped import ship; ship('newest.safetensors', kimg=1000)"

    Args:
        kimg: Of all trainings, where the last one began from a trained network.
    """
    from stylegan_cli.networks.snapshot import load_network, save_network
    from stylegan_cli.recipe.sections import InitSection

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
        network,
        recipe=drawn,
        licence=LICENCE,
        kimg=network.kimg if kimg is None else kimg,
    )
    path = folder / f"{name}.safetensors"
    save_network(path, header, network.G.half(), network.D.half())
    return path
