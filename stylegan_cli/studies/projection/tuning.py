"""Pivot tuning: brief training of the generator so that found codes match their pictures.

Roich et al. 2021, stage 2: codes stay, all weights of the synthesis network move.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.detectors import PerceptualDetector
from stylegan_cli.errors import UsageError
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.snapshot import Network, save_tensors
from stylegan_cli.studies.projection.objective import look
from stylegan_cli.studies.projection.store import Record

RATE, STEPS, MOST_PICTURES = 3e-4, 350, 30
NEAR_ENOUGH, SHARE = 0.06, 0.1
"""One picture alone is done at this LPIPS, or at this share of where it began, if that is less."""
TUNED_FROM = "tuned_from"


class Tuning:
    """A generator in tuning towards its pictures.

    Attributes:
        total: Steps at most: sweeps over all pictures.

    Args:
        G: Changed in place.
        noise: Noise of images without their own.

    Raises:
        UsageError: More pictures than one generator can take in.
    """

    def __init__(
        self,
        G: Generator,
        records: Sequence[Record],
        detector: PerceptualDetector,
        noise: NoiseInput,
    ) -> None:
        if len(records) > MOST_PICTURES:
            raise UsageError(
                f"{len(records)} pictures are too many for one generator; tune {MOST_PICTURES} at "
                "most, in a projection of their own",
                parameter="tune",
            )
        self.G, self._detector = G, detector
        self.G.synthesis.requires_grad_(True)
        device = G.mapping.w_avg.device
        self._pivots = []
        for record in records:
            target = _target(record, G.side).to(device)
            with torch.no_grad():
                seen = look(detector.network.embed, target)
            ws = torch.from_numpy(record.cells["/"]["ws"])[None].to(device)
            self._pivots.append((ws, _noise(record, noise, device), target, seen))
        self.total = STEPS * len(records)

    def steps(self) -> Iterator[float]:
        """Train; yield LPIPS before each step."""
        optimizer = torch.optim.Adam(self.G.synthesis.parameters(), lr=RATE)
        enough = NEAR_ENOUGH
        for sweep in range(STEPS):
            for ws, noise, target, seen in self._pivots:
                image = self.G.synthesis(ws, noise)
                lpips = (look(self._detector.network.embed, image) - seen).square().sum()
                now = lpips.item()
                if sweep == 0:
                    enough = min(NEAR_ENOUGH, SHARE * now)
                if len(self._pivots) == 1 and now <= enough:
                    return
                yield now
                optimizer.zero_grad(set_to_none=True)
                (lpips + (image - target).square().mean()).backward()
                optimizer.step()


def save_tuned(path: Path, network: Network, G: Generator, names: Sequence[str]) -> None:
    """Write the tuned generator as a network that records its original.

    Raises:
        OutputError: It cannot be written.
    """
    told = {TUNED_FROM: network.sha256, "tuned_on": list(names)}
    header = replace(network.header, provenance={**network.header.provenance, **told})
    state = G.state_dict()
    save_tensors(path, header, {f"g_ema.{name}": tensor for name, tensor in state.items()})


def _target(record: Record, side: int) -> Tensor:
    pixels = record.cells["targets"]["images"]
    step = len(pixels) // side
    images = torch.from_numpy(np.ascontiguousarray(pixels[::step, ::step]))
    return images.permute(2, 0, 1)[None] / 127.5 - 1


def _noise(record: Record, usual: NoiseInput, device: torch.device) -> NoiseInput:
    cells = record.cells["/"]
    maps = [cells[name] for name in sorted(cells) if name.startswith("noise/")]
    if not maps:
        return usual
    return [torch.from_numpy(each.astype(np.float32))[None, None].to(device) for each in maps]
