"""Shell completion: names and files of the right kind.

Each function takes the text typed so far and returns its completions. A shell does not wait for
torch, so names from modules that import torch are repeated here, and a test compares them.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from stylegan_cli import api
from stylegan_cli.cli.network import RUNS, SNAPSHOTS, find_network
from stylegan_cli.errors import SgtoolError

FEATURE_DETECTORS = ("inception", "vgg16", "alex", "mobilenet")
PROTOCOLS = ("stylegan1", "stylegan2", "ada")
WEIGHTS = ("inception", "vgg16", "lpips_vgg16", "mobilenet")
LAYERS = ("coarse", "middle", "fine", "all")


def recipes(incomplete: str) -> list[str]:
    """Return shipped recipes and files."""
    return [*_beginning(api.recipe_names(), incomplete), *_files(incomplete, ".toml")]


def keys(incomplete: str) -> list[str]:
    """Return recipe keys with the equals sign."""
    return _beginning((f"{key.name}=" for key in api.recipe_keys()), incomplete)


def networks(incomplete: str) -> list[str]:
    """Return runs under ./runs with a network, network files, and networks in the package."""
    runs = sorted({str(path.parent) for path in RUNS.glob(f"*/{SNAPSHOTS}")})
    names = _beginning([*runs, *api.shipped_names()], incomplete)
    return list(dict.fromkeys([*names, *_files(incomplete, ".safetensors")]))


def _one_of(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    return lambda incomplete: _beginning(names(), incomplete)


kinds, styles = _one_of(lambda: api.SAMPLE_KINDS), _one_of(lambda: api.style_names())
feature_detectors, protocols = _one_of(lambda: FEATURE_DETECTORS), _one_of(lambda: PROTOCOLS)
weights = _one_of(lambda: WEIGHTS)


def layers(incomplete: str) -> list[str]:
    """Return groups of layers to continue the list."""
    return _continuing(LAYERS, incomplete)


def classes(ctx: Any, incomplete: str) -> list[str]:
    """Return class names of the command's network to continue the list."""
    with suppress(SgtoolError, OSError):
        # as typed: completion converts no values
        typed = ctx.params.get("network")
        if typed and api.address_of(typed):
            return []  # a shell does not wait for a download
        network = find_network(Path(typed) if typed else None)
        return _continuing(api.read_header(network).classes, incomplete)
    return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _continuing(names: Iterable[str], incomplete: str) -> list[str]:
    """Complete the last word of a list, and keep the list before it."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _beginning(names, last)]


def _files(incomplete: str, suffix: str) -> Iterator[str]:
    """Yield matching files with the suffix, and folders with a slash at the end."""
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        name = f"{path}/" if path.is_dir() else str(path)
        if name.startswith(incomplete) and (path.is_dir() or path.suffix == suffix):
            yield name
