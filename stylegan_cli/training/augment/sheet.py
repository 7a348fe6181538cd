"""A sheet of real images as D sees them, at increasing strengths of augmentation."""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from stylegan_cli.figures.layout import Content, Place, paint
from stylegan_cli.rendering.render import to_pixels
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.sizes import Size
from stylegan_cli.training.augment.augmentation import augment
from stylegan_cli.training.augment.draws import draw

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8)


def augmented_sheet(
    reals: Pixels, seeds: Sequence[int], transforms: Collection[str], name: str
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Draw a row of reals for each strength p, with the same random numbers in all rows.

    Args:
        seeds: Seeds of each image's random numbers.
        name: Name of the transforms.
    """
    images = torch.from_numpy(reals).permute(0, 3, 1, 2).float() / 127.5 - 1
    rows = {f"{p:g}": to_pixels(augment(images, draw(seeds), transforms, p)) for p in STRENGTHS}
    content = Content(
        title=f'training images as D sees them · "{name}", each transform with probability p',
        images={
            (row, column): (p, (column,))
            for row, p in enumerate(rows)
            for column in range(len(reals))
        },
        row_names={row: f"p = {p}" for row, p in enumerate(rows)},
    )

    def read(place: Place) -> Picture:
        p, (column,) = place
        picture: Picture = rows[p][column]
        return picture

    return paint(content, Size(*reals.shape[1:3]), read)
