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
from jaxtyping import Float32
from torch import Tensor

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.errors import UsageError
from stylegan_cli.files import written_whole
from stylegan_cli.latents.sampling import broadcast_layers, truncate
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.networks.snapshot import Network, save_difference
from stylegan_cli.networks.styles import Styles, moved_styles
from stylegan_cli.rendering.render import to_images
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import C, Images, Ws
from stylegan_cli.sizes import Size
from stylegan_cli.studies.projection.objective import Embed, look
from stylegan_cli.studies.projection.records import Record
from stylegan_cli.studies.projection.search import SAVED_EVERY

RATE, STEPS, MOST_PICTURES = 3e-4, 350, 30
NEAR_ENOUGH, SHARE = 0.06, 0.1
"""One picture alone is done at this LPIPS, or at this share of where it began, if that is less."""
LOCAL_WEIGHT, LOCAL_PSI, ALPHA = 0.1, 0.5, 30.0
"""Of the penalty that holds images near the pivots: its weight, and where those codes lie."""
TUNED_FROM, TUNED_ON = "tuned_from", "tuned_on"
FIRST, SECOND = "exp_avg", "exp_avg_sq"


@dataclass(frozen=True, kw_only=True)
class Original:
    """The generator before tuning, to which images near a pivot are held.

    Attributes:
        label: `[1, c_dim]`, of the codes that images are drawn of.
        seed: Seed of those codes.
    """

    G: Generator
    label: C
    seed: int

    def penalty(self, G: Generator, pivot: Ws, embed: Embed, step: int) -> Tensor:
        """Return how much an image near a pivot has changed, drawn without noise."""
        stream = numpy_stream(self.seed, "tuning", step)
        z = torch.from_numpy(stream.standard_normal((1, G.z_dim)).astype(np.float32))
        with torch.no_grad():
            w_avg = self.G.mapping.w_avg
            sample = broadcast_layers(self.G.mapping(z.to(w_avg.device), self.label), G.num_ws)
            near = towards(pivot, truncate(sample, w_avg, LOCAL_PSI), ALPHA)
            before = self.G.synthesis(near, "none")
            seen = look(embed, before)
        return _distance(embed, G.synthesis(near, "none"), before, seen)[1]


@dataclass(frozen=True, kw_only=True)
class _Pivot:
    """A code with its noise, and the picture that it is to show."""

    ws: Ws
    offsets: Styles | None
    noise: NoiseInput
    target: Images
    seen: Tensor

    @classmethod
    def of(
        cls, record: Record, noise: NoiseInput, embed: Embed, size: Size, device: torch.device
    ) -> "_Pivot":
        target = _target(record, size).to(device)
        with torch.no_grad():
            seen = look(embed, target)
        ws, offsets = (
            None if each is None else torch.from_numpy(each)[None].to(device)
            for each in (record.ws, record.offsets)
        )
        assert ws is not None
        noise = _noise(record, noise, device)
        return cls(ws=ws, offsets=offsets, noise=noise, target=target, seen=seen)


class Tuning:
    """A generator in tuning towards its pictures; its state survives an interruption.

    Attributes:
        total: Steps at most: sweeps over all pictures.
        done: Steps taken.

    Args:
        G: Changed in place.
        noise: Noise of images without their own.
        original: Holds images of other codes; None lets them go.
        state: Path of saved progress, resumed if it is of these pictures.

    Raises:
        UsageError: More pictures than one generator can take in.
    """

    def __init__(
        self,
        G: Generator,
        records: Sequence[Record],
        detector: PerceptualDetector,
        noise: NoiseInput,
        *,
        original: Original | None = None,
        state: Path | None = None,
    ) -> None:
        if len(records) > MOST_PICTURES:
            raise UsageError(
                f"{len(records)} pictures are too many for one generator; tune {MOST_PICTURES} at "
                "most, in a projection of their own",
                parameter="tune",
            )
        self.G, self._embed = G, detector.network.embed
        self._original, self._file = original, state
        self.G.synthesis.requires_grad_(True)
        self._optimizer = torch.optim.Adam(self.G.synthesis.parameters(), lr=RATE)
        device = G.mapping.w_avg.device
        self._pivots = [
            _Pivot.of(record, noise, self._embed, G.grown_size, device) for record in records
        ]
        self.request = tuning_request(records, local=original is not None)
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
            if self._original is not None:
                held = self._original.penalty(self.G, pivot.ws, self._embed, self.done)
                loss = loss + LOCAL_WEIGHT * held
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            self.done += 1
            self._keep()
            yield now

    def _keep(self) -> None:
        """Save weights and Adam's moments at intervals."""
        if self._file is None or time.monotonic() - self._saved < SAVED_EVERY:
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
        if self._file is None or not self._file.exists():
            return
        from safetensors import safe_open

        with safe_open(self._file, framework="pt") as file:
            if file.metadata().get("request") != self.request:
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
    found = (code for each in records for code in (each.ws, each.offsets) if code is not None)
    codes = b"".join(np.ascontiguousarray(code).tobytes() for code in found)
    return sha256(codes + repr((local, STEPS)).encode()).hexdigest()[:16]


def save_tuned(path: Path, network: Network, tuning: Tuning, names: Sequence[str]) -> None:
    """Write the tuned generator as its difference from the network, which every command takes.

    Raises:
        OutputError: It cannot be written.
    """
    told = {TUNED_FROM: network.sha256, TUNED_ON: list(names), "tuning": tuning.request}
    header = replace(network.header, provenance={**network.header.provenance, **told})
    save_difference(path, header, tuning.G, network)


def towards(pivot: Ws, sample: Ws, alpha: float) -> Ws:
    """Return the code at this distance from a pivot towards a sample, over all layers together."""
    difference = sample - pivot
    moved: Ws = pivot + alpha * difference / difference.flatten(1).norm(dim=1)[:, None, None]
    return moved


def _distance(embed: Embed, images: Images, targets: Images, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return LPIPS, and LPIPS with the mean squared difference added."""
    lpips = (look(embed, images) - seen).square().sum()
    return lpips, lpips + (images - targets).square().mean()


def _target(record: Record, size: Size) -> Float32[Tensor, "1 channels {size.height} {size.width}"]:
    pixels = record.cells["targets"]["images"]
    step = len(pixels) // size.height
    return to_images(torch.from_numpy(np.ascontiguousarray(pixels[::step, ::step]))[None])


def _noise(record: Record, usual: NoiseInput, device: torch.device) -> NoiseInput:
    if not record.noise:
        return usual
    maps = (torch.from_numpy(each.astype(np.float32)) for each in record.noise)
    return [each[None, None].to(device) for each in maps]
