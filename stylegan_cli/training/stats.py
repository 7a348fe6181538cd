"""Scalars of a tick: summed on the device, read once."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylegan_cli.runtime import World


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Running sums of named values; means over samples, iterations and processes."""

    device: torch.device
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """Count values of any shape, without waiting for the device."""
        values = values.detach().float()
        moments = torch.stack([values.sum(), torch.full_like(values.sum(), values.numel())])
        if name in self.sums:
            self.sums[name] += moments
        else:
            self.sums[name] = moments

    def means(self, world: World) -> dict[str, float]:
        """Mean of each name since the last reset, over all processes."""
        names = sorted(self.sums)
        if not names:
            return {}
        moments = world.mean_(torch.stack([self.sums[name] for name in names]))
        values = (moments[:, 0] / moments[:, 1]).tolist()
        return dict(zip(names, values, strict=True))

    def pool(self, world: World) -> None:
        """Give every process the same sums, whose means are those over all processes."""
        for name in sorted(self.sums):
            world.mean_(self.sums[name])

    def reset(self) -> None:
        """Forget everything."""
        self.sums.clear()
