"""Random numbers of the augmentation of a batch, each image's from its own stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

PerImage = Float64[Tensor, " n"]
Probabilities = Mapping[str, float]
"""Probability of each transform, by its name."""

BLIT = ("x_flip", "rotate90", "x_int")
GEOM = ("scale", "rotate", "aniso", "x_frac")
COLOR = ("brightness", "contrast", "luma_flip", "hue", "saturation")
FILTER = ("filter",)
NOISE = ("noise",)
CUTOUT = ("cutout",)
"""Transforms of each group."""

_BANDS = ("band0", "band1", "band2", "band3")
_TO_RESAMPLE = ("scale", "rotate_before", "aniso", "rotate_after", "x_frac")
CHANCES = (*BLIT, *_TO_RESAMPLE, *COLOR, *_BANDS, *NOISE, *CUTOUT)
"""Random numbers that decide whether something happens, each independently."""
UNIFORMS = (
    *BLIT,
    *("y_int", "rotate_before", "rotate_after", "luma_flip", "hue", "cutout_x", "cutout_y"),
)
NORMALS = (
    *("scale", "aniso", "x_frac", "y_frac", "brightness", "contrast", "saturation"),
    *_BANDS,
    *NOISE,
)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Random numbers of every image of a batch, by name, on the CPU; all are always drawn.

    Attributes:
        chances: From [0, 1); a transform happens if its number is below the probability.
        uniforms: From [0, 1), for the strength of transforms.
        normals: Standard normal, for the same.
        noise_seeds: Seeds of each image's pixel noise.
    """

    chances: Mapping[str, PerImage]
    uniforms: Mapping[str, PerImage]
    normals: Mapping[str, PerImage]
    noise_seeds: Sequence[int]

    def happens(self, name: str, probability: float) -> Bool[Tensor, " n"]:
        """Return the images it happens to."""
        return self.chances[name] < probability

    def choose(self, name: str, probability: float, value: PerImage, neutral: float) -> PerImage:
        """Return the value for images it happens to, the neutral one for all others."""
        return torch.where(self.happens(name, probability), value, neutral)


def draw(seeds: Sequence[int]) -> Draws:
    """Draw the random numbers of images; each image's depend on its seed alone."""
    uniforms, normals = zip(*(_draw_one(seed) for seed in seeds), strict=True)
    flat = torch.stack(uniforms, dim=1)
    return Draws(
        chances=dict(zip(CHANCES, flat[: len(CHANCES)], strict=True)),
        uniforms=dict(zip(UNIFORMS, flat[len(CHANCES) :], strict=True)),
        normals=dict(zip(NORMALS, torch.stack(normals, dim=1), strict=True)),
        noise_seeds=seeds,
    )


def _draw_one(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    count = len(CHANCES) + len(UNIFORMS)
    return (
        torch.rand(count, generator=generator, dtype=torch.float64),
        torch.randn(len(NORMALS), generator=generator, dtype=torch.float64),
    )


_PIPES: Mapping[str, tuple[str, ...]] = {
    "blit": BLIT,
    "geom": GEOM,
    "color": COLOR,
    "filter": FILTER,
    "noise": NOISE,
    "cutout": CUTOUT,
    "bg": BLIT + GEOM,
    "bgc": BLIT + GEOM + COLOR,
    "bgcf": BLIT + GEOM + COLOR + FILTER,
    "bgcfn": BLIT + GEOM + COLOR + FILTER + NOISE,
    "bgcfnc": BLIT + GEOM + COLOR + FILTER + NOISE + CUTOUT,
}


def transforms_of(pipe: str) -> frozenset[str]:
    """Return the transforms of a pipe by its name in recipes, such as "bgc"."""
    return frozenset(_PIPES[pipe])
