"""The distance between pictures that a projection makes small, and codes at little of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.generator import Generator
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import C, Images
from stylegan_cli.studies.projection.options import SMALLEST

LARGEST, ENLARGED = 256, 64
"""Sides: what is larger is averaged down, what is smaller is enlarged before a detector looks."""
PIXEL_SIDE = 64
_BATCH = 16

Embed = Callable[[Tensor], Tensor]
"""Turns RGB images in [0, 255] into vectors whose squared distance is LPIPS."""
AnySize = Float[Tensor, "n _ _ _"]
Mask = Float[Tensor, "n 1 height width"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Distances from pictures to project, a row each.

    Attributes:
        targets: In [−1, 1].
        seen: Vectors of the targets.
        pixel_weight: Of the mean squared difference in [−1, 1], averaged down to 64 px.
        mask: 1 where a difference counts, 0 where it does not.
    """

    embed: Embed
    targets: Images
    seen: Float[Tensor, "n values"]
    pixel_weight: float
    mask: Mask | None = None

    def distance(self, images: Images) -> Float[Tensor, " n"]:
        """Return distances of corresponding images."""
        if self.mask is not None:
            images = self.mask * images + (1 - self.mask) * self.targets
        total = (look(self.embed, images) - self.seen).square().sum(1)
        if self.pixel_weight:
            difference = shrink(images, PIXEL_SIDE) - shrink(self.targets, PIXEL_SIDE)
            total = total + self.pixel_weight * difference.square().mean((1, 2, 3))
        return total

    def to_each(self, images: Images) -> Float[Tensor, "pictures images"]:
        """Return distances from every picture to every image."""
        if self.mask is not None:  # the image then depends on the picture
            rows = torch.arange(len(self.targets), device=images.device)
            each = (self.rows(row.expand(len(images))).distance(images) for row in rows)
            return torch.stack(list(each))
        total = _squared(self.seen, look(self.embed, images))
        if self.pixel_weight:
            small, wanted = (shrink(x, PIXEL_SIDE).flatten(1) for x in (images, self.targets))
            total = total + self.pixel_weight / small.shape[1] * _squared(wanted, small)
        return total

    def rows(self, chosen: Tensor) -> "Objective":
        """Return the objective of some of the pictures, by their numbers."""
        mask = None if self.mask is None else self.mask[chosen]
        return replace(self, targets=self.targets[chosen], seen=self.seen[chosen], mask=mask)


def make_objective(
    embed: Embed, targets: Images, *, pixel_weight: float = 0.0, mask: Mask | None = None
) -> Objective:
    """Return the objective of these pictures."""
    with torch.no_grad():
        seen = look(embed, targets)
    return Objective(embed=embed, targets=targets, seen=seen, pixel_weight=pixel_weight, mask=mask)


def look(embed: Embed, images: Images) -> Float[Tensor, "n values"]:
    """Return what a detector sees of images in [−1, 1] of any size and form."""
    seen = (embed((view + 1) * 127.5) for view in views(shrink(enlarge(images), LARGEST)))
    return torch.cat(list(seen), dim=1)


def shrink(images: AnySize, side: int) -> AnySize:
    """Average images down to at most this longer side."""
    factor = max(images.shape[-2:]) // side
    return F.avg_pool2d(images, factor) if factor > 1 else images


def enlarge(images: AnySize) -> AnySize:
    """Enlarge images that are too small for a detector's strides."""
    shorter = min(images.shape[-2:])
    if shorter >= SMALLEST:
        return images
    size = [side * ENLARGED // shorter for side in images.shape[-2:]]
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def views(images: AnySize) -> Iterator[Tensor]:
    """Yield RGB pictures of images; of RGBA the colours on grey, and the alpha by itself.

    Other channels come in threes, those left over one by one.
    """
    if images.shape[1] == 4:
        yield images[:, :3] * ((images[:, 3:] + 1) / 2)
        yield images[:, 3:].expand(-1, 3, -1, -1)
        return
    for part in images.split(3, dim=1):
        if part.shape[1] == 3:
            yield part
        else:
            yield from (each.expand(-1, 3, -1, -1) for each in part.split(1, dim=1))


def candidates(G: Generator, count: int, seed: int) -> Tensor:
    """Draw random z from which to choose a start, `[count, z_dim]`."""
    z = numpy_stream(seed, "projection start").standard_normal((count, G.z_dim))
    return torch.from_numpy(z.astype(np.float32)).to(G.mapping.w_avg.device)


@torch.no_grad()
def nearest(G: Generator, z: Tensor, label: C, objective: Objective) -> Tensor:
    """Rank the candidates for each picture from the nearest on: indices, `[n, count]`."""
    columns = []
    for part in z.split(_BATCH):
        ws = broadcast_layers(G.mapping(part, label.expand(len(part), -1)), G.num_ws)
        columns.append(objective.to_each(G.synthesis(ws, "const" if G.has_noise else "none")))
    return torch.cat(columns, dim=1).argsort(dim=1, stable=True)


def _squared(a: Tensor, b: Tensor) -> Tensor:
    # one row at a time, so that a picture's neighbours do not change its last digits
    return torch.cat([(row - b).square().sum(1)[None] for row in a.split(1)])
