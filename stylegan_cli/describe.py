"""Descriptions of our files, made without running anything in them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_cli.data import Source, entry_path
from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.sources import open_source
from stylegan_cli.directions.file import describe_directions, is_directions
from stylegan_cli.errors import DataError, NetworkFileError
from stylegan_cli.files import refuse_devices, similar
from stylegan_cli.interop.pickles.reader import PICKLE_SUFFIXES, holds_pickle
from stylegan_cli.latents.stored_arrays import describe_arrays
from stylegan_cli.metrics.store import describe_measurements, is_measurements
from stylegan_cli.networks.header import (
    Header,
    is_network,
    other_content,
    read_header,
    refuse_exports,
    sizes_in,
    tensor_shapes,
)
from stylegan_cli.networks.sizes import Sizes, parameters_in, sizes_of_built
from stylegan_cli.networks.snapshot import file_sha256
from stylegan_cli.recipe import Settled
from stylegan_cli.recipe import load as load_recipe
from stylegan_cli.rendering.header import UNFINISHED
from stylegan_cli.rendering.store import describe_study, is_study
from stylegan_cli.studies.video.filming import describe_video, is_video
from stylegan_cli.training.run_folder import load_state

if TYPE_CHECKING:
    from stylegan_cli.interop.foreign import Foreign

Facts = dict[str, Any]
TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".model")
MOST_OF_A_LINE = 2**20
"""Bytes at the end of a run's statistics in which its last line is looked for."""


def describe(path: Path) -> Facts:
    """Describe a network, training state, run folder, study, codes, data set or recipe.

    Returns:
        "path", "kind" and the facts for that kind, ready for JSON.

    Raises:
        SgtoolError: The file is missing, damaged, or not one of ours.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{similar(path)}")
    if not (path.is_file() or path.is_dir()):
        raise DataError(f"{path}: neither a file nor a folder")
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; copy or download it again")
    refuse_exports(path)
    kind, facts = _kind(path)
    return {"path": str(path), "kind": kind, **facts(path)}


def _kind(path: Path) -> tuple[str, Callable[[Path], Facts]]:
    if path.is_dir():
        return _kind_of_folder(path)
    by_suffix: dict[str, tuple[str, Callable[[Path], Facts]]] = {
        ".safetensors": ("network", _describe_network),
        ".pt": ("training state", _describe_state),
        ".toml": ("recipe", _describe_recipe),
        ".npz": ("codes", describe_arrays),
        ".npy": ("codes", describe_arrays),
    }
    if _is_foreign(path):
        return "foreign network", _describe_foreign_file
    if path.suffix in by_suffix:
        return by_suffix[path.suffix]
    if is_video(path):
        return "video", describe_video
    if is_measurements(path):
        return "measurements", describe_measurements
    if is_directions(path):
        return "directions", describe_directions
    return ("study", describe_study) if is_study(path) else ("data set", _describe_data)


def _is_foreign(path: Path) -> bool:
    """Return whether another program wrote a file of networks."""
    with path.open("rb") as file:
        is_pickle = file.read(1) == b"\x80"
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        likely = not is_network(path)
    else:
        likely = is_pickle or suffix in (*PICKLE_SUFFIXES, *TORCH_SUFFIXES) or holds_pickle(path)
    if not likely:
        return False
    # the readers of foreign files import torch
    from stylegan_cli.interop.reading import is_foreign

    return is_foreign(path)


def _kind_of_folder(path: Path) -> tuple[str, Callable[[Path], Facts]]:
    if (path / "recipe.toml").exists():
        return "run", _describe_run
    studies = [file for file in path.glob("*.h5") if is_study(file)]
    if studies:
        return "study", lambda _: describe_study(studies[0])
    return "data set", _describe_data


def _describe_network(path: Path) -> Facts:
    header = read_header(path)
    return {
        **_describe_networks(header, tensor_shapes(path)),
        "classes": list(header.classes),
        **({"label_columns": dict(header.label_columns)} if header.label_columns else {}),
        "kimg": header.kimg,
        "lod": header.lod,
        "licence": header.licence,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "provenance": dict(header.provenance),
    }


def _describe_networks(header: Header, shapes: Mapping[str, tuple[int, ...]]) -> Facts:
    """Describe the networks of a file as `describe_architecture` does, without building them."""
    found = sizes_in(header, shapes)
    if found is None or not any(name.startswith("d.") for name in shapes):
        return describe_architecture(header.recipe, header.c_dim)
    counts = {
        "mapping": parameters_in(shapes, "g_ema.mapping."),
        "synthesis": parameters_in(shapes, "g_ema.synthesis."),
        "generator": parameters_in(shapes, "g_ema."),
        "discriminator": parameters_in(shapes, "d."),
    }
    return _architecture(header.recipe, found, counts)


def describe_foreign(foreign: "Foreign") -> Facts:
    """Describe the networks of another program's file, ready for JSON."""
    return {
        "format": foreign.kind,
        **describe_architecture(foreign.recipe, foreign.c_dim),
        "has_discriminator": foreign.has_discriminator,
        "classes": list(foreign.classes),
        "kimg": foreign.kimg,
        "lod": foreign.lod,
        "licence": foreign.licence,
        "notes": list(foreign.notes),
        "unused": list(foreign.unused),
        "provenance": dict(foreign.provenance),
    }


def _describe_foreign_file(path: Path) -> Facts:
    from stylegan_cli.interop.reading import read_foreign

    facts = describe_foreign(read_foreign(path))
    return {**facts, "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def describe_architecture(recipe: Settled, c_dim: int) -> Facts:
    """Describe sizes and parameter counts of the networks of a recipe, ready for JSON."""
    from stylegan_cli.networks.family import (
        Unfilled,
        build_discriminator,
        build_generator,
        count_parameters,
    )

    with Unfilled():
        G, D = build_generator(recipe, c_dim=c_dim), build_discriminator(recipe, c_dim=c_dim)
    counts = {
        "mapping": count_parameters(G.mapping),
        "synthesis": count_parameters(G.synthesis),
        "generator": count_parameters(G),
        "discriminator": count_parameters(D),
    }
    return _architecture(recipe, sizes_of_built(G), counts)


def _architecture(recipe: Settled, sizes: Sizes, parameters: Mapping[str, int]) -> Facts:
    return {
        "title": recipe.title,
        "family": recipe.generator.family,
        "architecture": recipe.generator.architecture,
        "resolution": sizes.size.value,
        "channels": sizes.channels,
        "z_dim": sizes.z_dim,
        "w_dim": sizes.w_dim,
        "c_dim": sizes.c_dim,
        "num_ws": sizes.num_ws,
        "parameters": dict(parameters),
    }


def _describe_state(path: Path) -> Facts:
    if words := other_content(path):
        raise NetworkFileError(f"{path}: {words}")
    return {"kimg": load_state(path)["cur_nimg"] / 1000, "bytes": path.stat().st_size}


def _describe_recipe(path: Path) -> Facts:
    recipe = load_recipe(path)
    # labels come from the data, which is not read here
    return {**describe_architecture(recipe, 0), "recipe": asdict(recipe)}


def _describe_run(path: Path) -> Facts:
    recipe = load_recipe(path / "recipe.toml")
    networks = sorted(path.glob("network-*.safetensors"))
    return {
        "title": recipe.title,
        "data": recipe.data.path,
        "resolution": recipe.data.resolution,
        "total_kimg": recipe.train.total_kimg,
        "networks": [network.name for network in networks],
        "resumable": (path / "state.pt").exists(),
        "last": _last_stats(path / "stats.jsonl"),
    }


def _last_stats(path: Path) -> Facts:
    """Return the newest whole line of a run's statistics; empty before the first."""
    if not path.exists():
        return {}
    with refuse_devices(path).open("rb") as file:
        file.seek(max(0, path.stat().st_size - MOST_OF_A_LINE))
        # a killed run may leave half a line
        lines = file.read(MOST_OF_A_LINE).decode(errors="replace").split("\n")[:-1]
    try:
        stats: Facts = json.loads(lines[-1]) if lines else {}
    except (ValueError, RecursionError):
        raise DataError(f"{path}: the last line is not JSON; the file is damaged") from None
    return stats


def _describe_data(path: Path) -> Facts:
    with closing(open_source(path)) as source:
        labels: Counter[str] = Counter()
        attributes: set[str] = set()
        for entry in source.entries():
            attributes.update(entry.attributes)
            if entry.label is not None:
                labels[entry.label if isinstance(entry.label, str) else "vector"] += 1
        return {
            "images": source.tally().images,
            "first_image": _first_image(path, source),
            "labels": dict(sorted(labels.items())),
            "attributes": sorted(attributes),
            "prepared": dict(source.prepared),
        }


def _first_image(path: Path, source: Source) -> str:
    first = next(source.entries(), None)
    if first is None:
        if path.is_dir() and any(path.glob(UNFINISHED.format("*"))):
            raise DataError(f"{path}: an unfinished study; run its command again to finish it")
        raise DataError(f"{path}: contains no images, run or study")
    try:
        with reasons(), source.open(first) as image:
            (width, height), mode = image.size, image.mode
    except UnusableImageError as error:
        raise DataError(f"{entry_path(source, first)}: {error}") from error
    return f"{width}×{height} {mode}"
