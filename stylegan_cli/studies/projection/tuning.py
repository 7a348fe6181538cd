"""Pivot tuning: brief training of the generator so that found codes match their pictures.

Roich et al. 2021, stage 2: codes stay, all weights of the synthesis network move.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan_cli.errors import UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.latents.sampling import broadcast_layers, truncate
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.snapshot import load_network, save_difference
from stylegan_cli.networks.styles import Styles, moved_styles
from stylegan_cli.rendering.render import fixed_maps
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Images, Ws
from stylegan_cli.studies.projection.findings import grown_images
from stylegan_cli.studies.projection.objective import Embed, look
from stylegan_cli.studies.projection.search import SAVED_EVERY
from stylegan_cli.studies.projection.states import Record, damage_in_words
from stylegan_cli.studies.projection.workshop import Workshop

RATE, STEPS, MOST_PICTURES = 3e-4, 350, 30
NEAR_ENOUGH, SHARE = 0.06, 0.1
"""One picture alone is done at this LPIPS, or at this share of where it began, if that is less."""
LOCAL_WEIGHT, LOCAL_PSI, ALPHA = 0.1, 0.5, 30.0
"""Of the penalty that holds images near the pivots: its weight, and where those codes lie."""
TUNED_FROM, TUNED_ON = "tuned_from", "tuned_on"
FIRST, SECOND = "exp_avg", "exp_avg_sq"


@dataclass(frozen=True, kw_only=True)
class _Pivot:
    """A code with its noise, and the picture that it is to show."""

    ws: Ws
    offsets: Styles | None
    noise: NoiseInput
    target: Images
    seen: Tensor


class Tuning:
    """A generator in tuning towards its pictures; its state survives an interruption.

    Attributes:
        G: The network's generator, trained further.
        total: Steps at most: sweeps over all pictures.
        done: Steps taken.

    Args:
        workshop: Of the network as it was.
        path: Of the tuned network.
        state: Path of saved progress, resumed if it is of these pictures.
        local: Hold images of other codes where they are.

    Raises:
        UsageError: More pictures than one generator can take in.
    """

    def __init__(
        self,
        workshop: Workshop,
        records: Sequence[Record],
        *,
        path: Path,
        state: Path,
        local: bool = False,
    ) -> None:
        if len(records) > MOST_PICTURES:
            raise UsageError(
                f"{len(records)} pictures are too many for one generator; tune {MOST_PICTURES} at "
                "most, in a projection of their own",
                parameter="tune",
            )
        self._workshop, self._embed = workshop, workshop.detector.network.embed
        self._path, self._file, self._local = path, state, local
        self._names = [record.name for record in records]
        self.G, self._original = (
            load_network(workshop.network.path, workshop.device).G for _ in range(2)
        )
        self.G.synthesis.requires_grad_(True)
        self._optimizer = torch.optim.Adam(self.G.synthesis.parameters(), lr=RATE)
        self._pivots = [self._pivot(record) for record in records]
        self.request = tuning_request(records, local=local)
        self.total, self.done, self._enough = STEPS * len(records), 0, NEAR_ENOUGH
        self._resume()
        self._saved = time.monotonic()

    def steps(self) -> Iterator[float]:
        """Train; yield LPIPS before each step."""
        while self.done < self.total:
            pivot = self._pivots[self.done % len(self._pivots)]
            with moved_styles(self.G, pivot.offsets) as synthesis:
                image = synthesis(pivot.ws, pivot.noise)
            lpips, loss = _distance(self._embed, image, pivot.target, pivot.seen)
            now = lpips.item()
            if self.done == 0:
                self._enough = min(NEAR_ENOUGH, SHARE * now)
            if len(self._pivots) == 1 and now <= self._enough:
                break
            if self._local:
                loss = loss + LOCAL_WEIGHT * self._change_near(pivot.ws)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            self.done += 1
            self._keep()
            yield now

    def save(self) -> None:
        """Write the tuned generator as its difference from the network."""
        network = self._workshop.network
        told = {TUNED_FROM: network.sha256, TUNED_ON: self._names, "tuning": self.request}
        header = replace(network, provenance={**network.provenance, **told})
        save_difference(self._path, header, self.G, network)
        self._file.unlink(missing_ok=True)

    def _pivot(self, record: Record) -> _Pivot:
        codes, device = record.codes, self._workshop.device
        target = grown_images(self.G, record.cells["targets"]["images"])
        ws, offsets = (
            None if each is None else torch.from_numpy(each).to(device)
            for each in (codes.ws, codes.style_offsets)
        )
        assert ws is not None
        own = None if codes.own_noise is None else fixed_maps(self.G, codes.own_noise.tolist())
        with torch.no_grad():
            seen = look(self._embed, target)
        noise = own or self._workshop.noise
        return _Pivot(ws=ws, offsets=offsets, noise=noise, target=target, seen=seen)

    def _change_near(self, pivot: Ws) -> Tensor:
        """Return how much an image near a pivot has changed, drawn without noise."""
        choices, original = self._workshop.choices, self._original
        label = torch.from_numpy(self._workshop.label(choices.class_index)).to(pivot.device)
        stream = numpy_stream(choices.seed, "tuning", self.done)
        z = torch.from_numpy(stream.standard_normal((1, self.G.z_dim)).astype(np.float32))
        with torch.no_grad():
            w = broadcast_layers(original.mapping(z.to(pivot.device), label), self.G.num_ws)
            sample = truncate(w, original.mapping.w_avg, LOCAL_PSI)
            near = towards(pivot, sample, ALPHA)
            before = original.synthesis(near, "none")
            seen = look(self._embed, before)
        return _distance(self._embed, self.G.synthesis(near, "none"), before, seen)[1]

    def _keep(self) -> None:
        """Save weights and Adam's moments at intervals."""
        if time.monotonic() - self._saved < SAVED_EVERY:
            return
        from safetensors.torch import save

        tensors = {"done": torch.tensor(self.done), "enough": torch.tensor(self._enough).double()}
        for name, weight in self.G.synthesis.named_parameters():
            tensors[f"weight/{name}"] = weight.detach().contiguous()
            for moment in (FIRST, SECOND) if self._optimizer.state[weight] else ():
                kept = self._optimizer.state[weight][moment]
                tensors[f"{moment}/{name}"] = kept.contiguous()
        with written_whole(self._file) as temporary:
            temporary.write_bytes(save(tensors, {"request": self.request}))
        self._saved = time.monotonic()

    def _resume(self) -> None:
        if not self._file.exists():
            return
        from safetensors import safe_open

        with damage_in_words(self._file), safe_open(self._file, framework="pt") as file:
            if (file.metadata() or {}).get("request") != self.request:
                return
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.done, self._enough = int(tensors["done"]), float(tensors["enough"])
        for name, weight in self.G.synthesis.named_parameters():
            weight.data.copy_(tensors[f"weight/{name}"])
            if f"{FIRST}/{name}" in tensors:
                moments = {
                    moment: torch.empty_like(weight).copy_(tensors[f"{moment}/{name}"])
                    for moment in (FIRST, SECOND)
                }
                self._optimizer.state[weight] = {"step": torch.tensor(float(self.done)), **moments}


def tuning_request(records: Sequence[Record], *, local: bool) -> str:
    """Return what a tuning was asked for: a hash of its codes and options."""
    tables = (each.codes for each in records)
    found = (each for codes in tables for each in (codes.ws, codes.style_offsets))
    codes = b"".join(each.tobytes() for each in found if each is not None)
    return sha256(codes + repr((local, STEPS)).encode()).hexdigest()[:16]


def towards(pivot: Ws, sample: Ws, alpha: float) -> Ws:
    """Return the code at this distance from a pivot towards a sample, over all layers together."""
    difference = sample - pivot
    moved: Ws = pivot + alpha * difference / difference.flatten(1).norm(dim=1)[:, None, None]
    return moved


def _distance(embed: Embed, images: Images, targets: Images, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return LPIPS, and LPIPS with the mean squared difference added."""
    lpips = (look(embed, images) - seen).square().sum()
    return lpips, lpips + (images - targets).square().mean()
