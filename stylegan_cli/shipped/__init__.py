"""Networks that ship in the package; NOTICE says what they learned from."""

from pathlib import Path

from stylegan_cli.addresses import address_of, fetched
from stylegan_cli.errors import NetworkFileError, meant
from stylegan_cli.files import similar

FOLDER = Path(__file__).parent
USUAL = "portraits-64"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the networks in the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def shipped_network(name: str = USUAL) -> Path:
    """Return the file of a network in the package."""
    return FOLDER / f"{name}.safetensors"


def network_at(path: Path) -> Path:
    """Return the path of a network in the package by name, or at an address; else the path.

    Raises:
        NetworkFileError: The name is misspelled, and no file has it.
        DownloadError: The address cannot be fetched.
    """
    if address := address_of(path):
        return fetched(address)
    name, names = str(path), shipped_names()
    if path.exists():
        return path
    if name in names:
        return shipped_network(name)
    guess = meant(name, names)
    if guess and not similar(path):
        raise NetworkFileError(f"{path}: no such file, and no packaged network of this name{guess}")
    return path
