"""Reference vectors of directions, and the networks they belong to."""

from functools import cache
from pathlib import Path

import numpy as np

from tests.networks import stylegan3
from tests.networks.originals import FAMILIES, original_generator
from tests.networks.vectors import Vectors, generator

FILE = Path(__file__).parents[1] / "reference" / "directions.npz"


@cache
def reference() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)


@cache
def reference_generator(name):
    if name in FAMILIES:
        return original_generator(name)
    read = stylegan3.generator if name.startswith("sg3") else generator
    return read(Vectors(name)).requires_grad_(False)


def worst_cosine(found, expected) -> float:
    """Smallest |cosine| of corresponding rows."""
    found, expected = (np.atleast_2d(rows).astype(np.float64) for rows in (found, expected))
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float((np.abs((found * expected).sum(axis=1)) / lengths).min())
