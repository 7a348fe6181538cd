"""Health of a generator beyond its losses, measured cheaply enough for every tick.

Images are compared at 64 px by LPIPS with the shipped AlexNet, Zhang et al. 2018, relative to the
training images. The number of fakes is 1/64 of the images of a tick, so that measuring takes at
most 2 % of its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.detectors.trunks import on_white
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.layers import halve, upscale
from stylegan_cli.recipe import Settled
from stylegan_cli.rendering.render import to_images
from stylegan_cli.runtime import numpy_stream, torch_stream
from stylegan_cli.shapes import Images, W
from stylegan_cli.sizes import Size, square

SIDE = 64
"""Side at which images are compared."""
FEWEST_FAKES, MOST_FAKES, TICK_IMAGES_PER_FAKE = 16, 64, 64
MOST_REALS, REALS_PER_KIMG = 1000, 10
"""Reading this many training images takes about 1 % of a run."""
CODES = 256
DEAD = 0.02
"""A number of w is dead if its deviation over z is below this part of the size of w."""

Looks = Float[Tensor, "images values"]
"""Vectors whose squared distances are perceptual distances of images."""


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """Looks of training images at one size, and their distances.

    Attributes:
        looks: In half precision; followed by those of their mirror images, if trained on.
        variety: Mean distance of two images.
        nearest: Median distance to the nearest other image; None if the looks are not of all
            training images.
    """

    looks: Looks
    variety: float | None
    nearest: float | None


class Probe:
    """Measures the averaged generator of a run, with the same latents each time.

    Attributes:
        chosen: Training images to compare with.
        yardsticks: By image size, which changes while a network grows.
    """

    def __init__(self, recipe: Settled, dataset: Dataset, device: torch.device) -> None:
        tick = round(recipe.report.tick_kimg * 1000)
        fakes = min(max(tick // TICK_IMAGES_PER_FAKE, FEWEST_FAKES), MOST_FAKES)
        reals = min(MOST_REALS, max(fakes, round(recipe.train.total_kimg * REALS_PER_KIMG)))
        order = numpy_stream(recipe.seed, "health").permutation(len(dataset)).tolist()
        labels = np.stack([dataset.label(order[i % len(order)]) for i in range(fakes)])
        stream = torch_stream(recipe.seed, "health")
        self.z = torch.randn(fakes, recipe.generator.z_dim, generator=stream).to(device)
        self.c = torch.from_numpy(labels).to(device)
        self.dataset, self.device, self.chosen = dataset, device, order[:reals]
        self.mirror, self.channels = recipe.data.mirror, recipe.data.shown
        self.detector = open_detector("alex", purpose="distance", device=device)
        self.yardsticks: dict[Size, Yardstick] = {}

    @property
    def can_compare(self) -> bool:
        """Return whether there are enough training images to compare with."""
        return len(self.chosen) > 1

    @torch.no_grad()
    def measure(self, G_ema: Generator) -> dict[str, float]:
        """Return numbers for a line of `stats.jsonl`, those that network and data allow.

        `diversity`: mean distance of two fakes over that of two training images. `nearest_ratio`:
        median distance of a fake to the nearest training image over that of a training image to
        the nearest other. `w_spread`: deviation of w over its size. `w_dead`: share of numbers in
        w that are the same for every z.
        """
        found = self._compare(G_ema) if self.can_compare else {}
        if G_ema.mapping.layers:
            found |= spread(self._codes(G_ema))
        return found

    def _compare(self, G_ema: Generator) -> dict[str, float]:
        yardstick = self._yardstick(G_ema.grown_size)
        size = default_batch_size(G_ema.size)
        parts = zip(self.z.split(size), self.c.split(size), strict=True)
        looks = torch.cat([self._look(G_ema.synthesis(G_ema.ws(*part), "const")) for part in parts])
        found = {}
        if yardstick.variety is not None:
            found["diversity"] = _ratio(_variety(looks), yardstick.variety)
        if yardstick.nearest is not None:
            nearest = _to_nearest(looks, yardstick.looks).median().item()
            found["nearest_ratio"] = _ratio(nearest, yardstick.nearest)
        return found

    def _codes(self, G_ema: Generator) -> W:
        z = torch.randn(CODES, G_ema.z_dim, generator=torch_stream(0, "health", "codes"))
        # one label: numbers that vary with labels alone are dead
        w: Tensor = G_ema.mapping(z.to(self.device), self.c[:1].expand(CODES, -1))
        return w

    def _yardstick(self, size: Size) -> Yardstick:
        if size not in self.yardsticks:
            self.yardsticks.clear()
            self.yardsticks[size] = self._compare_reals(size)
        return self.yardsticks[size]

    def _compare_reals(self, size: Size) -> Yardstick:
        batches = np.array_split(self.chosen, -(-len(self.chosen) // MOST_FAKES))
        images = [self._reals(batch.tolist(), size) for batch in batches]
        looks = torch.cat([self._look(part).half() for part in images])
        every = looks
        if self.mirror:
            every = torch.cat([looks, *(self._look(part.flip(3)).half() for part in images)])
        nearest = None
        if len(looks) == len(self.dataset) > 1:
            nearest = _to_nearest(looks, every, itself=len(looks)).median().item()
        variety = _variety(looks.float()) if len(looks) > 1 else None
        return Yardstick(looks=every, variety=variety, nearest=nearest)

    def _reals(self, indices: Sequence[int], size: Size) -> Images:
        pixels = np.stack([self.dataset.read(index)[0] for index in indices])
        images = to_images(torch.from_numpy(pixels).to(self.device))
        while images.shape[3] > size.width:
            images = halve(images)
        return images

    def _look(self, images: Images) -> Looks:
        if self.channels is not None:
            images = images[:, list(self.channels)]
        while max(images.shape[2:]) > SIDE:
            images = halve(images)
        seen = upscale(on_white(images.clamp(-1, 1)), square(SIDE))
        return self.detector.embed((seen + 1) * 127.5)


def spread(w: W) -> dict[str, float]:
    """Return how much w varies over z, and the share of its numbers that do not."""
    size, deviation = w.square().mean().sqrt(), w.std(0)
    return {
        "w_spread": (deviation.square().mean().sqrt() / size).item(),
        "w_dead": (deviation < DEAD * size).float().mean().item(),
    }


def _variety(looks: Looks) -> float:
    # mean over all pairs: twice the variance, summed over the numbers
    return 2 * looks.var(0).sum().item()


def _to_nearest(
    looks: Looks, others: Float[Tensor, "others values"], *, itself: int = 0
) -> Float[Tensor, " images"]:
    """Return the distance of each image to the nearest of others.

    Args:
        itself: If not 0, others at an image's own place, modulo this number, do not count.
    """
    rows = []
    for start in range(0, len(looks), MOST_FAKES):
        part = looks[start : start + MOST_FAKES].float()
        distances = torch.cat(
            [torch.cdist(part, block.float()).square() for block in others.split(256)], dim=1
        )
        if itself:
            own = torch.arange(start, start + len(part), device=looks.device)
            places = torch.arange(len(others), device=looks.device) % itself
            distances = distances.masked_fill(own[:, None] == places, torch.inf)
        rows.append(distances.amin(1))
    return torch.cat(rows)


def _ratio(found: float, usual: float) -> float:
    # identical training images have no distances to compare with
    return found / usual if usual > 0 else 1.0
