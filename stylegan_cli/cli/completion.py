"""What the shell offers after Tab: names of all that has one, and files of the right kind.

Each function is given what was typed so far and tells what it could become. A shell does not wait
for torch: names that only a module with torch knows are repeated here, and held to it by a test.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from stylegan_cli.cli.network import RUNS, SNAPSHOTS, find_network
from stylegan_cli.errors import SgtoolError
from stylegan_cli.shipped import shipped_names

FEATURE_DETECTORS = ("inception", "vgg16", "alex", "mobilenet")
DISTANCE_DETECTORS = ("vgg16", "alex")
PROTOCOLS = ("stylegan1", "stylegan2", "ada")
WEIGHTS = ("inception", "vgg16", "lpips_vgg16", "mobilenet")
LAYERS = ("coarse", "middle", "fine", "all")


def recipes(incomplete: str) -> list[str]:
    """Shipped recipes, and files."""
    from stylegan_cli.recipe.files import shipped

    return [*_beginning(shipped(), incomplete), *_files(incomplete, ".toml")]


def keys(incomplete: str) -> list[str]:
    """Keys of recipes, with the equals sign."""
    from stylegan_cli.recipe.validation import key_types

    return _beginning((f"{key}=" for key in key_types()), incomplete)


def networks(incomplete: str) -> list[str]:
    """Runs under ./runs that have made a network, files, and networks of the package."""
    runs = sorted({str(path.parent) for path in RUNS.glob(f"*/{SNAPSHOTS}")})
    names = _beginning([*runs, *shipped_names()], incomplete)
    return list(dict.fromkeys([*names, *_files(incomplete, ".safetensors")]))


def kinds(incomplete: str) -> list[str]:
    """What `data sample` draws."""
    from stylegan_cli.data.samples import KINDS

    return _beginning(KINDS, incomplete)


def feature_detectors(incomplete: str) -> list[str]:
    """Networks that tell features of images."""
    return _beginning(FEATURE_DETECTORS, incomplete)


def distance_detectors(incomplete: str) -> list[str]:
    """Networks that tell distances of images."""
    return _beginning(DISTANCE_DETECTORS, incomplete)


def protocols(incomplete: str) -> list[str]:
    """Published ways to measure."""
    return _beginning(PROTOCOLS, incomplete)


def weights(incomplete: str) -> list[str]:
    """Published weights that do not ship."""
    return _beginning(WEIGHTS, incomplete)


def layers(incomplete: str) -> list[str]:
    """Groups of layers, after those that are in the list already."""
    return _continuing(LAYERS, incomplete)


def classes(ctx: Any, incomplete: str) -> list[str]:
    """Names of the classes of the network that the command takes, after those in the list."""
    from stylegan_cli.networks.snapshot import read_header

    with suppress(SgtoolError, OSError):
        # as typed: completion converts no values
        typed = ctx.params.get("network")
        network = find_network(Path(typed) if typed else None)
        return _continuing(read_header(network).classes, incomplete)
    return []


def styles(incomplete: str) -> list[str]:
    """Styles of DiceBear."""
    from stylegan_cli.data.samples import style_names

    return _beginning(style_names(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _continuing(names: Iterable[str], incomplete: str) -> list[str]:
    """What the last word of a list could become, with the list before it."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _beginning(names, last)]


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
