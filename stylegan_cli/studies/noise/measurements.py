"""Variance of images under noise: maps, the liveliest part, by layer, beside the styles."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64

from stylegan_cli.latents.codes import Codes
from stylegan_cli.networks.execution import default_batch_size
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NOISE_MODES
from stylegan_cli.rendering.plan import Measurement, measurement
from stylegan_cli.rendering.render import draw_codes, to_greys
from stylegan_cli.rendering.store import Arrays, StudyFile

if TYPE_CHECKING:
    from stylegan_cli.studies.noise.study import NoiseOptions


class PixelMoments:
    """Mean and variance of a stream of arrays; sums in float64, by Welford's recurrence.

    With d = xₙ − x̄ₙ₋₁:  x̄ₙ = x̄ₙ₋₁ + d / n,  Mₙ = Mₙ₋₁ + d · (xₙ − x̄ₙ),  variance = Mₙ / (n − 1).
    Arrays that are all equal have a variance of exactly 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Float64[np.ndarray, "*shape"] = np.zeros(())
        self._squares: Float64[np.ndarray, "*shape"] = np.zeros(())

    def add(self, values: Float[np.ndarray, "*shape"]) -> None:
        """Include one more array; all have the same shape."""
        self.count += 1
        off = values.astype(np.float64) - self.mean
        self.mean = self.mean + off / self.count
        self._squares = self._squares + off * (values - self.mean)

    @property
    def variance(self) -> Float64[np.ndarray, "*shape"]:
        """Return the unbiased variance; 0 for a single array."""
        return self._squares / max(self.count - 1, 1)


def split_variance(
    groups: Iterable[tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]], draws: int
) -> tuple[Float64[np.ndarray, "*shape"], Float64[np.ndarray, "*shape"]]:
    """Return the unbiased variances between and within groups, element by element.

    The law of total variance, Var x = Var E[x | group] + E Var(x | group), from S groups of N
    draws each, of mean x̄ₛ and variance vₛ = Σ (x − x̄ₛ)² / (N − 1):

        within  = Σ vₛ / S
        between = Σ (x̄ₛ − x̄)² / (S − 1) − within / N

    The mean of N draws still varies by within / N, which is not the group's doing. Where the
    variance between groups is near 0, its estimate can fall below.

    Args:
        groups: Mean and variance of each group.
        draws: N.

    Returns:
        Between and within; of a single group, what is between is not a number.
    """
    means, within = PixelMoments(), PixelMoments()
    for mean, variance in groups:
        means.add(mean)
        within.add(variance)
    between = means.variance if means.count > 1 else np.full_like(means.mean, np.nan)
    return between - within.mean / draws, within.mean


Index = tuple[int, ...]
Crop = tuple[int, int, int]
"""Left, top and side of a part of an image, in pixels."""


@dataclass(frozen=True, kw_only=True)
class NoiseDraws:
    """Draws of random noise for each seed, and their measurements.

    Everything is in grey levels, 0 to 255, of images that are not rounded yet. The methods that
    take an index are those of `Measurement.take`.

    Attributes:
        codes: `[seeds, draws]`.
        lists: Noise inputs that get noise while the others get none, in each part of the study.
    """

    G: Generator
    codes: Codes
    lists: tuple[tuple[int, ...], ...]
    options: "NoiseOptions"

    def principal(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Return the principal components of a seed's draws, for the first list with noise.

        Each in grey levels at one standard deviation, and its share of the variance.
        """
        noisy = next(inputs for inputs in self.lists if inputs)
        drawn = [each.astype(np.float32) for each in self._greys(index[0], noisy, batch_size)]
        count = self.options.components
        if len(drawn) == 1:  # noise changes nothing
            drawn *= count + 1
        rows = np.stack(drawn)
        rows -= rows.mean(axis=0)
        # by the Gram matrix of the draws, of which there are far fewer than pixels
        values, vectors = np.linalg.eigh(np.tensordot(rows, rows, ((1, 2, 3), (1, 2, 3))))
        values, vectors = values[::-1], vectors[:, ::-1][:, :count]
        return {
            "component": np.tensordot(vectors.T, rows, 1) / sqrt(len(rows)),
            "share": values[:count].clip(0) / (values.clip(0).sum() or 1),
        }

    def variation(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Return mean and standard deviation of each pixel over a seed's draws, for a list."""
        seed, chosen = index
        moments = PixelMoments()
        for greys in self._greys(seed, self.lists[chosen], batch_size):
            moments.add(greys)
        return {"mean": moments.mean, "std": np.sqrt(moments.variance)}

    def variance(self, file: StudyFile, index: Index, _: int | None) -> Arrays:
        """Return each pixel's variance from seed to seed and from draw to draw, for a list."""
        seeds, draws = self.codes.shape
        maps = (
            (
                file.array("variation", "mean", (seed, *index)),
                file.array("variation", "std", (seed, *index)).astype(np.float64) ** 2,
            )
            for seed in range(seeds)
        )
        style, noise = split_variance(maps, draws)
        return {"style": style, "noise": noise}

    def crops(self, file: StudyFile, index: Index, _: int | None) -> Arrays:
        """Return the part of a seed to enlarge: where the first list with noise varies most."""
        noisy = next(i for i, inputs in enumerate(self.lists) if inputs)
        std = file.array("variation", "std", (*index, noisy))
        crop = self.options.crop or liveliest(std, max(1, min(std.shape[:2]) // 4))
        return {"window": np.array(crop)}

    def contribution(self, _: StudyFile, index: Index, batch_size: int | None) -> Arrays:
        """Return the mean of (x − x₀)² of an input and a seed, over draws, pixels and channels.

        x has fresh noise on this input alone, x₀ none at all.
        """
        number, seed = index
        (plain,) = self._greys(seed, (), batch_size)
        moments = PixelMoments()
        for greys in self._greys(seed, (number,), batch_size):
            moments.add((greys - plain) ** 2)
        return {"difference": float(moments.mean.mean())}

    def layers(self, file: StudyFile, index: Index, _: int | None) -> Arrays:
        """Return the root mean square difference that a noise input makes, over all seeds."""
        (number,) = index
        differences = file.array("contribution", "difference", index)
        return {
            "rms": sqrt(differences.mean(dtype=np.float64)),
            "strength": strengths(self.G)[number],
            "side": float(self.G.synthesis.noise_sizes[number].longer),
        }

    def _greys(
        self, seed: int, inputs: Sequence[int], batch_size: int | None
    ) -> Iterator[Float64[np.ndarray, "height width channels"]]:
        """Return a seed's images, one per draw; one only if noise on these inputs has no effect."""
        moved = [i for i in inputs if strengths(self.G)[i] > 0]
        codes = self.codes[seed, : None if moved else 1]
        modes = np.full(len(self.G.noise_layers), NOISE_MODES.index("none"), np.int8)
        modes[moved] = NOISE_MODES.index("random")
        codes = replace(codes, noise_modes=np.tile(modes, (len(codes.ws), 1)))
        size = batch_size or default_batch_size(self.G.size)
        for start in range(0, len(codes.ws), size):
            yield from to_greys(draw_codes(self.G, codes[start : start + size]))


def strengths(G: Generator) -> tuple[float, ...]:
    """Return each noise input's strength: the root mean square over the channels."""
    return tuple(
        layer.noise_strength.detach().square().mean().sqrt().item() for layer in G.noise_layers
    )


def liveliest(std: Float[np.ndarray, "height width channels"], size: int) -> Crop:
    """Return the square part with the largest variance; the middle if there is none."""
    variance = (std.astype(np.float64) ** 2).sum(axis=2)
    if not variance.any():
        height, width = variance.shape
        return (width - size) // 2, (height - size) // 2, size
    sums = np.pad(variance.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    totals = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    y, x = np.unravel_index(totals.argmax(), totals.shape)
    return int(x), int(y), size


def measurements(draws: NoiseDraws) -> dict[str, Measurement]:
    """Return the measurements in order of dependency, by group in the HDF5 file."""
    G, (seeds, _), image = draws.G, draws.codes.shape, (*draws.G.size.shape, draws.G.channels)
    lists, inputs, n = len(draws.lists), len(G.noise_layers), draws.options.components
    found = {
        "variation": measurement(draws.variation, seeds, lists, mean=image, std=image),
        "variance": measurement(draws.variance, lists, style=image, noise=image),
        "crops": measurement(draws.crops, seeds, window=(3,)),
        "contribution": measurement(draws.contribution, inputs, seeds, difference=()),
        "layers": measurement(draws.layers, inputs, rms=(), strength=(), side=()),
    }
    if n:
        component = measurement(draws.principal, seeds, component=(n, *image), share=(n,))
        found["components"] = component
    return found
