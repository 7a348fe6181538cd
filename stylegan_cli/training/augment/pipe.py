"""The whole pipeline, [ADA] appendix B."""

from collections.abc import Collection

import torch

from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.bands import transform_bands
from stylegan_cli.training.augment.color import transform_color
from stylegan_cli.training.augment.corruption import add_noise, cut_out
from stylegan_cli.training.augment.draws import Draws
from stylegan_cli.training.augment.geometry import transform_geometry
from stylegan_cli.training.augment.transforms import BLIT, COLOR, CUTOUT, FILTER, GEOM, NOISE

_STAGES = (
    (BLIT + GEOM, transform_geometry),
    (COLOR, transform_color),
    (FILTER, transform_bands),
    (NOISE, add_noise),
    (CUTOUT, cut_out),
)


def augment(images: Images, draws: Draws, transforms: Collection[str], p: float) -> Images:
    """Images as D is to see them, in float32 at least; differentiable twice.

    Args:
        images: 1 grey, 3 RGB or 4 RGBA channels, of any size. Alpha is moved and cut out with
            the colours and nothing else.
        draws: Random numbers of each image.
        transforms: Which transforms take part.
        p: Probability of each of them.
    """
    images = images.to(torch.promote_types(images.dtype, torch.float32))
    chances = {name: p if name in transforms else 0.0 for names, _ in _STAGES for name in names}
    for names, stage in _STAGES:
        if any(name in transforms for name in names):
            images = stage(images, draws, chances)
    return images
