"""Networks with made weights and the reference vectors computed with them."""

import zlib
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).parents[1] / "reference"


def vectors(name):
    with np.load(REFERENCE / "detectors.npz", allow_pickle=False) as file:
        return torch.tensor(file[name])


def made_tensor(name, shape):
    """The recipe of the reference vectors: each tensor is drawn from the hash of its name."""
    values = np.random.RandomState(zlib.crc32(name.encode())).randn(*shape)
    if name.endswith("running_var"):
        values = 1 + 0.1 * np.abs(values)
    elif name.endswith(("running_mean", "bias")):
        values *= 0.1
    elif len(shape) == 1:
        values = 1 + 0.1 * values
    else:
        values *= np.sqrt(2 / np.prod(shape[1:]))
    return torch.tensor(values.astype(np.float32))


def made_state(shapes):
    return {name: made_tensor(name, tuple(shape)) for name, shape in shapes.items()}


def deviation(got, expected):
    """Largest difference in units of the expected values' standard deviation."""
    return ((got - expected).abs().max() / expected.std()).item()


def made(build):
    """A network filled by that recipe."""
    with torch.device("meta"):
        network = build()
    state = network.state_dict().items()
    shapes = {name: t.shape for name, t in state if not name.endswith("num_batches_tracked")}
    network.load_state_dict(made_state(shapes), assign=True)
    return network.eval().requires_grad_(False)
