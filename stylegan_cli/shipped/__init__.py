"""Networks that ship in the package; NOTICE says what they learned from."""

from pathlib import Path

FOLDER = Path(__file__).parent
USUAL = "portraits-64"


def shipped_names() -> tuple[str, ...]:
    """Names that stand for networks of the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def shipped_network(name: str = USUAL) -> Path:
    """The file of a network of the package."""
    return FOLDER / f"{name}.safetensors"


def of_package_by_name(path: Path) -> Path:
    """The file of a network of the package, where this is only its name; else the path itself."""
    is_name = not path.exists() and str(path) in shipped_names()
    return shipped_network(str(path)) if is_name else path
