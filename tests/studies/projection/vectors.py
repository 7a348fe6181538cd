"""Reference vectors of projection, `tests/reference/projection.npz`."""

from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parents[2] / "reference"


def load(name: str = "projection") -> dict[str, np.ndarray]:
    with np.load(REFERENCE / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)
