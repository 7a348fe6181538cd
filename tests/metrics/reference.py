"""Values computed with the originals' tools: `tests/reference/metrics_math.npz`."""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parents[1] / "reference" / "metrics_math.npz"


def reference(name):
    with np.load(PATH, allow_pickle=False) as file:
        return file[name]


def features(n, dim=12, *, seed=0, shift=0.0):
    """Correlated features, as a detector's are."""
    random = np.random.RandomState(seed)
    mixing = np.random.RandomState(99).randn(dim, dim)
    return (random.randn(n, dim) @ mixing + shift).astype(np.float32)
