"""Starts of searches: the mean of W, the best of many codes, a seed, codes of a file."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.generator import Generator
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import C, Images
from stylegan_cli.studies.projection.objective import PIXEL_SIDE, Objective, look, shrink

_BATCH = 16


def candidates(G: Generator, count: int, seed: int) -> Tensor:
    """Draw random z from which to choose a start, `[count, z_dim]`."""
    z = numpy_stream(seed, "projection start").standard_normal((count, G.z_dim))
    return torch.from_numpy(z.astype(np.float32)).to(G.mapping.w_avg.device)


def nearest(G: Generator, z: Tensor, label: C, objective: Objective) -> Tensor:
    """Rank the candidates for each picture from the nearest on: indices, `[n, count]`."""
    with torch.no_grad():
        columns = [_distances(objective, images) for images in _drawn(G, z, label)]
    return torch.cat(columns, dim=1).argsort(dim=1, stable=True)


def _drawn(G: Generator, z: Tensor, label: C) -> Iterator[Images]:
    for part in z.split(_BATCH):
        ws = broadcast_layers(G.mapping(part, label.expand(len(part), -1)), G.num_ws)
        yield G.synthesis(ws, "const" if G.has_noise else "none")


def _distances(objective: Objective, images: Images) -> Tensor:
    """Return distances from every picture to every image, `[n, images]`."""
    if objective.mask is not None:  # the image then depends on the picture
        rows = torch.arange(len(objective.targets), device=images.device)
        each = (objective.rows(row.expand(len(images))).distance(images) for row in rows)
        return torch.stack(list(each))
    total = _squared(objective.seen, look(objective.embed, images))
    if objective.pixel_weight:
        small, wanted = (shrink(x, PIXEL_SIDE).flatten(1) for x in (images, objective.targets))
        total = total + objective.pixel_weight / small.shape[1] * _squared(wanted, small)
    return total


def _squared(a: Tensor, b: Tensor) -> Tensor:
    # one row at a time, so that a picture's neighbours do not change its last digits
    return torch.cat([(row - b).square().sum(1)[None] for row in a.split(1)])


def spread_out(codes: Tensor, count: int) -> Tensor:
    """Repeat one code for all pictures, or return as many as there are.

    Raises:
        UsageError: There are neither one nor so many.
    """
    if len(codes) not in (1, count):
        raise UsageError(
            f"{len(codes)} codes for {count} pictures; give one, or one for each", parameter="init"
        )
    return codes.expand(count, *codes.shape[1:])
