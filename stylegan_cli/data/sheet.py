"""A sample sheet: some images of a source side by side."""

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan_cli.data import Source
from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.levels import seen_levels
from stylegan_cli.data.pictures import Target, fit_picture, seen_planes, usual_resolution
from stylegan_cli.errors import OutputError
from stylegan_cli.files import refuse_same, written_whole
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import square

LARGEST_CELL = 128


def sample_sheet(
    source: Source, *, count: int = 64, seed: int = 0, preview: Sequence[int] | None = None
) -> Picture:
    """Return a grid of random images in the order of the source; broken ones stay white.

    Args:
        preview: The three channels of stacks to show, the first ones if not given.
    """
    total = source.tally().images
    chosen = numpy_stream(seed, "sheet").permutation(total)[:count]
    columns = max(1, math.ceil(math.sqrt(len(chosen))))
    rows = max(1, math.ceil(len(chosen) / columns))
    cells = _cells(source, {int(place) for place in chosen}, preview)
    side = cells[0].shape[0] if cells else LARGEST_CELL
    blank = np.full((side, side, 3), 255, np.uint8)
    cells += [blank] * (rows * columns - len(cells))
    grid = np.stack(cells).reshape(rows, columns, side, side, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)


def write_sheet(
    sheet: Picture, path: Path, *, source: Path | str = "", overwrite: bool = False
) -> None:
    """Save a sheet as PNG.

    Args:
        source: Path of the images, which is not overwritten.

    Raises:
        OutputError: The path is taken by another file or cannot be written.
    """
    refuse_same(path, source)
    picture = io.BytesIO()
    Image.fromarray(sheet).save(picture, "png")
    content = picture.getvalue()
    same = path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content
    if path.exists() and not same and not overwrite:
        raise OutputError(f"{path}: exists; name another file or choose `overwrite`")
    with written_whole(path) as part:
        part.write_bytes(content)


def _cells(source: Source, chosen: set[int], preview: Sequence[int] | None) -> list[Picture]:
    cells: list[Picture] = []
    target: Target | None = None
    for place, entry in enumerate(islice(source.entries(), max(chosen, default=-1) + 1)):
        if place not in chosen:
            continue
        try:
            with reasons(), source.open(entry) as image:
                if target is None:
                    side = min(LARGEST_CELL, usual_resolution(square(max(image.size))))
                    target = Target(resolution=side, fit="fit")
                planes = seen_planes(image, preview)
                form = replace(target, channels=3 // len(planes))
                fitted = [
                    fit_picture(plane, replace(form, levels=seen_levels(plane))).pixels
                    for plane in planes
                ]
                cells.append(np.concatenate(fitted, axis=2))
        except UnusableImageError:
            continue
    return cells
