"""Effects of directions on images, beside random directions and noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil

import numpy as np

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.directions.components import unit
from stylegan_cli.directions.direction import Direction, Move, moved_codes
from stylegan_cli.directions.measures import (
    NUMBERS,
    STEPS,
    Looks,
    distances,
    effect,
    join_looks,
    looks_of,
    mean_cosine,
    suggested_layers,
)
from stylegan_cli.directions.population import population
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Measurement, measurement
from stylegan_cli.rendering.render import draw_codes
from stylegan_cli.rendering.store import Arrays, StudyFile
from stylegan_cli.runtime import numpy_stream, stream_seed
from stylegan_cli.shapes import Images
from stylegan_cli.studies.discovery.finding import measured
from stylegan_cli.studies.discovery.judging import Judge

CONTROLS = 16
"""Random directions that the found ones are compared with."""

CONTROL_SHARE, FAR_SHARE, LAYER_SHARE = 1 / 2, 1 / 4, 1 / 8
"""Of the seeds: those that controls, steps of two, and each layer alone are tried on."""

NO_LAYERS = (-1, -1)
"""Of directions in z or of style channels."""

FLIP_STEPS = 3.0
Index = tuple[int, ...]
_Try = tuple[Direction, float, int]
"""A direction, a step, and the number of codes to move by it."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Directions and the images that tell what they do.

    The methods that take an index are those of `Measurement.take`.
    """

    network: Network
    directions: tuple[Direction, ...]
    sampling: Sampling
    samples: int
    detector: PerceptualDetector
    judge: Judge | None = None

    def effect(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Measure what a direction does."""
        direction = self.directions[index[0]]
        counts = [self.samples if abs(step) == 1 else self._few(FAR_SHARE) for step in STEPS]
        tried = [(direction, *each) for each in zip(STEPS, counts, strict=True)]
        one = self._few(LAYER_SHARE)
        tried += [(direction.at_layers([i]), 1.0, one) for i in direction.layers]
        looks = self._tried(tried, batch_size)
        shares = self._layer_shares(direction.layers, looks[len(STEPS) :])
        return {
            **effect(self._still, looks[: len(STEPS)]),
            "layer_share": shares,
            "suggested": np.array(suggested_layers(shares) if shares.any() else NO_LAYERS),
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
        direction, still = self.directions[index[0]], self._scores
        step, far = (
            self._judged(self._along(self._codes, direction, steps), batch_size)
            for steps in (1.0, FLIP_STEPS)
        )
        std = still.std(axis=0)
        lacking = still < 0
        flipped = ((far > 0) & lacking).sum(axis=0)
        count = lacking.sum(axis=0)
        return {
            "shift": (step - still).mean(axis=0) / np.where(std > 0, std, 1),
            "flips": np.where(count > 0, flipped / np.maximum(count, 1), np.nan),
        }

    @cached_property
    def _scores(self) -> np.ndarray:
        return self._judged(self._codes, None)

    def _judged(self, codes: Codes, batch_size: int | None) -> np.ndarray:
        assert self.judge is not None
        parts = [
            self.judge.logits(images).float().cpu().numpy()
            for images in self._images(codes, batch_size)
        ]
        return np.concatenate(parts).astype(np.float64)

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
        tried: list[_Try] = []
        for i in range(CONTROLS):
            shape = (1, drawn.codes.shape[1])
            (vector,) = unit(numpy_stream(0, "control", i).standard_normal(shape))
            direction = measured(self.network, drawn, "", vector, {})
            tried += [(direction, step, self._few(CONTROL_SHARE)) for step in (-1.0, 1.0)]
        return self._tried(tried, None)

    def _few(self, share: float) -> int:
        return ceil(share * self.samples)

    def _tried(self, tried: "Sequence[_Try]", batch_size: int | None) -> list[Looks]:
        """Return the first images moved along each direction, all drawn in common batches."""
        moved = [
            self._along(self._codes[:count], direction, step) for direction, step, count in tried
        ]
        looks = self._looks(join_codes(moved), batch_size)
        ends = np.cumsum([len(codes.ws) for codes in moved]).tolist()
        return [looks.rows(slice(*ends)) for ends in pairwise([0, *ends])]

    def _along(self, codes: Codes, direction: Direction, step: float) -> Codes:
        move = Move(direction, step)
        return moved_codes(self.network, codes, [move], self.sampling)

    def _layer_shares(self, layers: Sequence[int], moved: Sequence[Looks]) -> np.ndarray:
        """Return the change that each layer makes alone, as a share of their sum."""
        shares = np.zeros(self.network.G.num_ws)
        for layer, looks in zip(layers, moved, strict=True):
            shares[layer] = distances(self._still, looks).mean()
        total = shares.sum()
        return shares / total if total > 0 else shares

    def _looks(self, codes: Codes, batch_size: int | None, mode: NoiseMode = "const") -> Looks:
        """Return the images of codes, prepared for comparison."""
        images = self._images(codes, batch_size, mode)
        return join_looks([looks_of(batch, self.detector) for batch in images])

    def _images(
        self, codes: Codes, batch_size: int | None, mode: NoiseMode = "const"
    ) -> Iterator[Images]:
        """Yield the images of codes in batches."""
        size = batch_size or default_batch_size(self.network.G.size)
        for start in range(0, len(codes.ws), size):
            yield draw_codes(self.network.G, codes[start : start + size], mode)


def measurements(effects: Effects) -> dict[str, Measurement]:
    """Return what is measured, by its group in the study's file."""
    G, count = effects.network.G, len(effects.directions)
    arrays: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(NUMBERS, ()),
        "lpips": (len(STEPS),),
        "map": G.size.shape,
        "layer_share": (G.num_ws,),
        "suggested": (2,),
    }
    found = {
        "effect": measurement(effects.effect, count, **arrays),
        "control": measurement(effects.control, CONTROLS, lpips_per_sigma=(), consistency=()),
        "noise_floor": measurement(effects.noise_floor, 1, lpips=()),
    }
    if effects.judge is not None:
        told = (len(effects.judge.names),)
        found["attributes"] = measurement(effects.attributes, count, shift=told, flips=told)
    return found
