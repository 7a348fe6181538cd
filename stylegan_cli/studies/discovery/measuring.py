"""The effect of a direction on images: how much, where, in which layers, how consistently.

Beside it random directions and noise. Perceptual distances are LPIPS; pooled activations of its
trunk show what changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64

from stylegan_cli.directions.components import unit
from stylegan_cli.directions.direction import Direction, Move, moved_codes
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import population
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.store import Arrays, StudyFile
from stylegan_cli.runtime import numpy_stream, stream_seed
from stylegan_cli.shapes import Images
from stylegan_cli.studies.discovery.finding import measured
from stylegan_cli.studies.discovery.judging import Judge

if TYPE_CHECKING:
    from stylegan_cli.detectors.registry import PerceptualDetector

STEPS = (-2.0, -1.0, 1.0, 2.0)
"""Steps at which a direction is measured."""

NUMBERS = (
    "lpips_per_sigma",  # mean distance one step away, either way
    "asymmetry",  # 0 where both ways change equally much, 1 where only one does
    "consistency",  # mean cosine of the changes of two seeds: 1 if all alike, near 0 by chance
    "linearity",  # share of the change's variance that a straight line through the steps explains
    "identity",  # cosine distance of pooled activations one step away
)

PERCEIVED_SIDE = 256

ENOUGH = 0.8
"""Share of the change that the suggested layers carry."""

CONTROLS = 16
"""Random directions that the found ones are compared with."""

CONTROL_SHARE, FAR_SHARE, LAYER_SHARE = 1 / 2, 1 / 4, 1 / 8
"""Of the seeds: those that controls, steps of two, and each layer alone are tried on."""

FLIP_STEPS = 3.0
Index = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Images as they are compared.

    Attributes:
        embedding: Vectors whose squared distance is LPIPS.
        pooled: Mean activation of each channel of the trunk.
        greys: Mean of the colour channels, 0 to 255.
    """

    embedding: Float32[np.ndarray, "n values"]
    pooled: Float32[np.ndarray, "n channels"]
    greys: Float32[np.ndarray, "n height width"]

    def rows(self, chosen: slice) -> "Looks":
        """Return some of the images."""
        return Looks(**{name: values[chosen] for name, values in vars(self).items()})


def looks_of(images: Images, detector: "PerceptualDetector") -> Looks:
    """Return images in [−1, 1] as they are compared: at most `PERCEIVED_SIDE` large."""
    from torch.nn.functional import avg_pool2d

    levels = (images * 127.5 + 127.5).clamp(0, 255)
    seen = levels if levels.shape[1] in (1, 3) else levels.mean(dim=1, keepdim=True)
    side = min(seen.shape[2:])
    if side < detector.smallest:
        factor = -(-detector.smallest // side)
        seen = seen.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    else:
        seen = avg_pool2d(seen, max(1, side // PERCEIVED_SIDE))
    embedding, pooled = detector.describe(seen)
    return Looks(
        embedding=embedding.cpu().numpy(),
        pooled=pooled.cpu().numpy(),
        greys=levels.mean(dim=1).cpu().numpy(),
    )


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Directions and the images that tell what they do.

    Attributes:
        samples: Seeds that directions are measured on.

    The methods that take an index are those of `Measurement.take`.
    """

    network: Network
    found: Discovery
    sampling: Sampling
    samples: int
    judge: Judge | None = None

    @cached_property
    def detector(self) -> "PerceptualDetector":
        """Return what tells how different images look, opened when it is first needed."""
        from stylegan_cli.detectors.registry import open_detector

        return open_detector(None, purpose="distance", device=self.network.G.mapping.w_avg.device)

    def effect(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Measure what a direction does."""
        direction = self.found.directions[index[0]]
        moved = [
            self._along(direction, step, 1.0 if abs(step) == 1 else FAR_SHARE) for step in STEPS
        ]
        alone = (direction.at_layers([i]) for i in direction.layers)
        moved += [self._along(each, 1.0, LAYER_SHARE) for each in alone]
        looks = self._drawn(moved, batch_size)
        shares = np.zeros(self.network.G.num_ws)
        shares[list(direction.layers)] = [
            distances(self._still, each).mean() for each in looks[len(STEPS) :]
        ]
        shares /= shares.sum() or 1.0
        return {
            **_effect(self._still, looks[: len(STEPS)]),
            "layer_share": shares,
            # none of directions in z or of style channels
            "suggested": np.array(suggested_layers(shares) if shares.any() else (-1, -1)),
        }

    def control(self, _: StudyFile, index: Index, __: int | None) -> Arrays:
        """Measure what a random direction does, at a step of its own."""
        back, forth = self._controls[2 * index[0] : 2 * index[0] + 2]
        far = [distances(self._still, each).mean() for each in (back, forth)]
        return {
            "lpips_per_sigma": float(np.mean(far)),
            "consistency": mean_cosine((forth.pooled - back.pooled).astype(np.float64)),
        }

    def noise_floor(self, _: StudyFile, __: Index, batch_size: int | None) -> Arrays:
        """Return the mean distance of two draws of noise: what is below it cannot be seen."""
        if not self.network.G.has_noise:
            return {"lpips": 0.0}
        seeds = self._codes.noise_seed.tolist()
        fresh = [[stream_seed(seed, "floor", draw) for seed in seeds] for draw in (1, 2)]
        drawn = (replace(self._codes, noise_seed=np.array(each)) for each in fresh)
        a, b = (self._looks(codes, batch_size, "random") for codes in drawn)
        return {"lpips": float(distances(a, b).mean())}

    def attributes(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Measure what a direction does to the scores of images.

        The shift of each at a step, in standard deviations over the seeds, and the share of those
        with a negative score that have a positive one `FLIP_STEPS` on.
        """
        direction, still = self.found.directions[index[0]], self._scores
        step, far = (
            self._judged(self._along(direction, steps), batch_size) for steps in (1.0, FLIP_STEPS)
        )
        std, lacking = still.std(axis=0), still < 0
        flipped, count = ((far > 0) & lacking).sum(axis=0), lacking.sum(axis=0)
        return {
            "shift": (step - still).mean(axis=0) / np.where(std > 0, std, 1),
            "flips": np.where(count > 0, flipped / np.maximum(count, 1), np.nan),
        }

    @cached_property
    def _scores(self) -> np.ndarray:
        return self._judged(self._codes, None)

    def _judged(self, codes: Codes, batch_size: int | None) -> np.ndarray:
        assert self.judge is not None
        images = self._images(codes, batch_size)
        scores = [self.judge.logits(each).float().cpu().numpy() for each in images]
        return np.concatenate(scores).astype(np.float64)

    @cached_property
    def _codes(self) -> Codes:
        return codes_of_seeds(self.network, range(self.samples), self.sampling)

    @cached_property
    def _still(self) -> Looks:
        return self._looks(self._codes, None)

    @cached_property
    def _controls(self) -> list[Looks]:
        """Return the images of all controls, one step back and one forth."""
        drawn = population(self.network)
        moved, length = [], drawn.codes.shape[1]
        for i in range(CONTROLS):
            (vector,) = unit(numpy_stream(0, "control", i).standard_normal((1, length)))
            direction = measured(self.network, drawn, "", vector, {})
            moved += [self._along(direction, step, CONTROL_SHARE) for step in (-1.0, 1.0)]
        return self._drawn(moved, None)

    def _drawn(self, tables: Sequence[Codes], batch_size: int | None) -> list[Looks]:
        """Return the images of each table, all drawn in common batches."""
        looks = self._looks(join_codes(tables), batch_size)
        ends = np.cumsum([len(codes.ws) for codes in tables]).tolist()
        return [looks.rows(slice(*ends)) for ends in pairwise([0, *ends])]

    def _along(self, direction: Direction, steps: float, share: float = 1.0) -> Codes:
        """Move the first codes, so large a share of them, along a direction."""
        few = self._codes[: ceil(share * self.samples)]
        return moved_codes(self.network, few, [Move(direction, steps)], self.sampling)

    def _looks(self, codes: Codes, batch_size: int | None, mode: NoiseMode = "const") -> Looks:
        images = self._images(codes, batch_size, mode)
        parts = [vars(looks_of(each, self.detector)) for each in images]
        return Looks(**{name: np.concatenate([each[name] for each in parts]) for name in parts[0]})

    def _images(
        self, codes: Codes, batch_size: int | None, mode: NoiseMode = "const"
    ) -> Iterator[Images]:
        """Yield the images of codes in batches."""
        from stylegan_cli.rendering.render import draw_codes

        size = batch_size or default_batch_size(self.network.G.size)
        for start in range(0, len(codes.ws), size):
            yield draw_codes(self.network.G, codes[start : start + size], mode)


def distances(a: Looks, b: Looks) -> Float64[np.ndarray, " n"]:
    """Return the LPIPS of corresponding images, as far as both tables reach."""
    n = min(len(a.greys), len(b.greys))
    difference = a.embedding[:n] - b.embedding[:n]
    return np.asarray(np.einsum("ij,ij->i", difference, difference, dtype=np.float64))


def _effect(still: Looks, moved: Sequence[Looks]) -> dict[str, Float[np.ndarray, "..."] | float]:
    """Return the mean distance at each of `STEPS`, the mean change of pixels, and all `NUMBERS`.

    Args:
        moved: The images at each of `STEPS`; at ±2 perhaps only the first of them.
    """
    lpips = np.array([distances(still, each).mean() for each in moved])
    at = dict(zip(STEPS, moved, strict=True))
    back, forth = lpips[STEPS.index(-1)], lpips[STEPS.index(1)]
    change = (at[1].pooled - at[-1].pooled).astype(np.float64)
    turned = [_cosine(still.pooled, at[step].pooled) for step in (-1.0, 1.0)]
    return {
        "lpips": lpips,
        "map": np.stack([np.abs(at[step].greys - still.greys) for step in (-1, 1)]).mean((0, 1)),
        "lpips_per_sigma": (back + forth) / 2,
        "asymmetry": abs(forth - back) / max(forth + back, 1e-12),
        "consistency": mean_cosine(change),
        "linearity": _linearity(still, at, change.mean(axis=0)),
        "identity": 1 - float(np.mean(turned)),
    }


def mean_cosine(rows: Float64[np.ndarray, "n dim"]) -> float:
    """Return the mean cosine of the angles between pairs of rows."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1)
    n = len(unit)
    return float(((unit.sum(axis=0) ** 2).sum() - (unit**2).sum()) / max(n * (n - 1), 1))


def suggested_layers(shares: Float[np.ndarray, " layers"]) -> tuple[int, int]:
    """Return first and last of the fewest neighbouring layers that carry most of the change."""
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    spans = [
        (last - first, -float(sums[last + 1] - sums[first]), first, last)
        for first in range(len(shares))
        for last in range(first, len(shares))
        if sums[last + 1] - sums[first] >= ENOUGH * sums[-1]
    ]
    _, _, first, last = min(spans)
    return first, last


def _linearity(
    still: Looks, at: dict[float, Looks], mean_change: Float64[np.ndarray, " c"]
) -> float:
    """Return R² of the change's projection on its mean against the steps, over all seeds."""
    steps, n = np.array([0.0, *at]), min(len(each.greys) for each in at.values())
    along = np.stack(
        [(each.pooled[:n] - still.pooled[:n]) @ mean_change for each in (still, *at.values())]
    ).mean(axis=1)
    spread = along.var()
    return float(np.corrcoef(steps, along)[0, 1] ** 2) if spread > 0 else 0.0


def _cosine(a: Float[np.ndarray, "n c"], b: Float[np.ndarray, "n c"]) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).mean())
