"""The picture a run shows of itself: the same latents at every time."""

from dataclasses import dataclass

import numpy as np
import torch

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.execution import default_batch_size
from stylegan_cli.latents import broadcast_layers
from stylegan_cli.networks.generator import Generator
from stylegan_cli.runtime import numpy_stream, torch_stream
from stylegan_cli.shapes import C, Pixels, Z
from stylegan_cli.synthesis import draw


@dataclass(frozen=True, kw_only=True)
class SampleGrid:
    """Images shown in `reals.png` and the latents behind every `fakes-*.png`.

    With labels, real and fake at the same place share theirs; with classes, each row is of one.
    """

    columns: int
    reals: Pixels
    z: Z
    c: C

    def fakes(self, G_ema: Generator) -> Pixels:
        """Images of the averaged generator: no truncation, the network's own noise."""
        device = G_ema.mapping.w_avg.device
        size = default_batch_size(G_ema.resolution)
        parts = zip(self.z.split(size), self.c.split(size), strict=True)
        return np.concatenate([_draw(G_ema, z.to(device), c.to(device)) for z, c in parts])


def sample_grid(dataset: Dataset, *, seed: int, resolution: int, z_dim: int) -> SampleGrid:
    """A grid that fits a screen: 3 × 2 to 12 × 8 images."""
    columns = min(max(1024 // resolution, 3), 12)
    rows = min(max(768 // resolution, 2), 8)
    reals, labels = zip(*map(dataset.read, _shown(dataset, rows, columns, seed)), strict=True)
    z = torch.randn(columns * rows, z_dim, generator=torch_stream(seed, "sample grid"))
    return SampleGrid(
        columns=columns, reals=np.stack(reals), z=z, c=torch.from_numpy(np.stack(labels))
    )


def _shown(dataset: Dataset, rows: int, columns: int, seed: int) -> list[int]:
    """The images of the grid, row by row; the classes take turns."""
    groups = dataset.members() if dataset.classes else [range(len(dataset))]
    stream = numpy_stream(seed, "sample grid")
    orders = [stream.permutation(np.asarray(group)) for group in groups]
    shown: list[int] = []
    for row in range(rows):
        turn, group = divmod(row, len(orders))
        places = np.arange(turn * columns, (turn + 1) * columns)
        shown += orders[group][places % len(orders[group])].tolist()
    return shown


def _draw(G_ema: Generator, z: Z, c: C) -> Pixels:
    with torch.no_grad():
        ws = broadcast_layers(G_ema.mapping(z, c), G_ema.num_ws)
    return draw(G_ema, ws, "const")
