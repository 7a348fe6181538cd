"""The pictures of an edit: what changes where, and which layers change it."""

from collections.abc import Sequence

import numpy as np

from stylegan_cli.figures.charts import Map, diverging, full_scale
from stylegan_cli.figures.layout import Content, Place, paint
from stylegan_cli.rendering.sheet import called
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture

SOURCES = "seed_sources"
LAYERS = "layers"
"""The table, and the picture, of edits in some layers alone."""


def still_place(file: StudyFile, seed: int) -> Place:
    """Return where the image of a seed is that nothing moved."""
    if SOURCES in file.tables:
        return SOURCES, (seed,)
    return "/", (seed, file.header.request["strengths"].index(0.0))


def change(file: StudyFile, cell: tuple[int, ...]) -> Map:
    """Return how much brighter each pixel is than without the edit, in grey levels."""
    moved = file.image("/", cell).astype(np.float64)
    still = file.image(*still_place(file, cell[0])).astype(np.float64)
    difference: np.ndarray = (moved - still).mean(axis=2)
    return difference


def paint_differences(file: StudyFile) -> Picture:
    """Paint the difference of every image from the one that nothing moved, on one scale."""
    seeds, strengths = file.header.axes["seed"], file.header.axes["strength"]
    maps = {cell: change(file, cell) for cell in np.ndindex(len(seeds), len(strengths))}
    full = full_scale(maps.values())

    def read(place: Place) -> Picture:
        table, index = place
        return file.image(table, index) if table != "maps" else diverging(maps[index], full)

    content = Content(
        title=(
            f"edit · {file.header.sheets[0]} · differences: red brighter, blue darker, "
            f"full colour {full:.3g} grey levels"
        ),
        images={(seed, 0): still_place(file, seed) for seed in range(len(seeds))}
        | {(seed, 1 + k): ("maps", (seed, k)) for seed, k in maps},
        row_names={i: called("seed", name) for i, name in enumerate(seeds)},
        col_names={0: "as it is"} | {1 + k: name for k, name in enumerate(strengths)},
        sources=(0, 1),
    )
    return paint(content, file.size, read)


def paint_layers(file: StudyFile) -> Picture:
    """Paint the strongest edit in all its layers, and in some of them alone."""
    seeds, strengths = file.header.axes["seed"], file.header.request["strengths"]
    at = strengths.index(strongest(strengths))
    groups = file.header.request["layer_groups"]
    images: dict[tuple[int, int], Place] = {}
    for seed in range(len(seeds)):
        images[seed, 0] = still_place(file, seed)
        images[seed, 1] = ("/", (seed, at))
        images |= {(seed, 2 + i): (LAYERS, (seed, i)) for i in range(len(groups))}
    named = dict(enumerate(["as it is", "all layers", *groups]))
    strength = file.header.axes["strength"][at]
    content = Content(
        title=f"edit · {file.header.sheets[0]} · strength {strength} in some layers alone",
        images=images,
        row_names={i: called("seed", name) for i, name in enumerate(seeds)},
        col_names=named,
        sources=(0, 1),
    )
    return paint(content, file.size, lambda place: file.image(*place))


def strongest(strengths: Sequence[float]) -> float:
    """Return the strength furthest from 0; of two alike, the positive one."""
    return max(strengths, key=lambda strength: (abs(strength), strength))
