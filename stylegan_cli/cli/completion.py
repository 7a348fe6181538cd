"""What the shell offers after Tab: recipes, their keys, networks, styles of portraits.

Each function is given what was typed so far and tells what it could become.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from stylegan_cli.cli.network import RUNS, SNAPSHOTS


def recipes(incomplete: str) -> list[str]:
    """Shipped recipes, and files."""
    from stylegan_cli.recipe.shelf import shipped

    return [*_beginning(shipped(), incomplete), *_files(incomplete, ".toml")]


def keys(incomplete: str) -> list[str]:
    """Keys of recipes, with the equals sign."""
    from stylegan_cli.recipe.validation import key_types

    return _beginning((f"{key}=" for key in key_types()), incomplete)


def networks(incomplete: str) -> list[str]:
    """Runs under ./runs that have made a network, and files."""
    runs = sorted({str(path.parent) for path in RUNS.glob(f"*/{SNAPSHOTS}")})
    return list(dict.fromkeys([*_beginning(runs, incomplete), *_files(incomplete, ".safetensors")]))


def kinds(incomplete: str) -> list[str]:
    """What `data sample` draws."""
    from stylegan_cli.data.samples import KINDS

    return _beginning(KINDS, incomplete)


def styles(incomplete: str) -> list[str]:
    """Styles of DiceBear, where it is installed."""
    from stylegan_cli.data.samples import style_names

    with suppress(ImportError):
        return _beginning(style_names(), incomplete)
    return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(incomplete: str, suffix: str) -> Iterator[str]:
    """Files of a suffix and folders, as far as typed; a folder ends in a slash."""
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        name = f"{path}/" if path.is_dir() else str(path)
        if name.startswith(incomplete) and (path.is_dir() or path.suffix == suffix):
            yield name
