"""Findings about a projected picture: images, codes, noise and measures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.latents.sampling import noise_seed_of_code
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.rendering.render import draw, to_images
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.projection.measures import ms_ssim, psnr, scale_count
from stylegan_cli.studies.projection.objective import enlarge, views
from stylegan_cli.studies.projection.pictures import Subject
from stylegan_cli.studies.projection.states import FoundCode
from stylegan_cli.studies.projection.whitening import Statistics, distances

Cells = Mapping[str, Mapping[str, np.ndarray]]
"""Stored arrays of a picture, by table and name."""
Measures = Mapping[str, float]
"""Numbers by name."""

FAR_PERCENTILE = 99.9
DETAIL_IN_NOISE = 1.5, 0.02
FAR_OFF = 3.0
UNTRAINED = 0.3


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The network and detector that draw and measure pictures.

    Attributes:
        G: As commands draw with it.
        noise: Noise of images without their own.
    """

    G: Generator
    detector: PerceptualDetector
    statistics: Statistics | None
    label: Float32[np.ndarray, "1 c_dim"]
    noise: NoiseInput

    @property
    def lpips(self) -> str:
        """Return the name of the perceptual distance."""
        return lpips_name(self.detector.name)

    def cells(self, subject: Subject, found: FoundCode) -> Cells:
        """Return all stored values of one picture."""
        target = self._blown_up(subject.load())
        first = None if found.offsets_path is None else found.offsets_path[0]
        image = self.draw(found.ws, found.noise, found.offsets)
        plain = self.draw(found.ws, offsets=found.offsets) if found.noise else image
        start = self.draw(found.path[0], offsets=first)
        measures = {
            self.lpips: self.distance(image, target),
            "psnr": psnr(image, target),
            "ms_ssim": ms_ssim(image, target),
            "scales": scale_count(self.G.grown_size.shorter),
            **self._how_far_out(found, subject),
            f"{self.lpips}_plain": self.distance(plain, target),
            f"{self.lpips}_start": self.distance(start, target),
            "steps": found.steps,
        }
        return {
            "/": {"images": image, **self._code(subject, found)},
            "targets": {"images": target},
            "starts": {"images": start},
            "plain": {"images": plain},
            "measures": {name: np.asarray(value, np.float32) for name, value in measures.items()},
        }

    def draw(
        self,
        ws: np.ndarray,
        noise: tuple[np.ndarray, ...] = (),
        offsets: np.ndarray | None = None,
    ) -> Picture:
        """Draw the image of a code alone, so that it has the same bits wherever it is drawn."""
        device = self.G.mapping.w_avg.device
        maps = [torch.from_numpy(each.astype(np.float32))[None, None].to(device) for each in noise]
        ws_here = torch.from_numpy(ws)[None].to(device)
        beside = None if offsets is None else offsets[None]
        image: Picture = draw(self.G, ws_here, maps or self.noise, beside)[0]
        return image

    def distance(self, a: Picture, b: Picture) -> float:
        """Return LPIPS of two pictures; of RGBA, the sum of colours on grey and of alpha."""
        left, right = (views(enlarge(self._images(each))) for each in (a, b))
        pairs = zip(left, right, strict=True)
        return sum(
            self.detector.distance((x + 1) * 127.5, (y + 1) * 127.5).item() for x, y in pairs
        )

    def _images(self, pixels: Picture) -> Tensor:
        step = self.G.size.height // self.G.grown_size.height
        image = torch.from_numpy(np.ascontiguousarray(pixels[::step, ::step]))
        return to_images(image[None].to(self.G.mapping.w_avg.device))

    def _blown_up(self, pixels: Picture) -> Picture:
        """Enlarge the picture to the size of full-grown images."""
        step = self.G.size.height // len(pixels)
        return pixels.repeat(step, axis=0).repeat(step, axis=1)

    def _how_far_out(self, found: FoundCode, subject: Subject) -> dict[str, float]:
        if self.statistics is None:
            return {}
        ws = torch.from_numpy(found.ws).to(self.G.mapping.w_avg.device)
        distance = float(distances(self.statistics.whitening, ws).mean())
        measures = {
            "w_distance": distance,
            "w_percentile": self.statistics.percentile(distance),
            "w_error": np.nan,
        }
        if found.offsets is not None:
            sigmas = found.offsets / self.statistics.style_std.cpu().numpy()
            measures["style_distance"] = float(np.sqrt((sigmas**2).mean()))
        if subject.truth is not None:
            apart = np.linalg.norm(found.ws - subject.truth, axis=1)
            measures["w_error"] = float(np.sqrt((apart**2).mean())) / self.statistics.w_std
        return measures

    def _code(self, subject: Subject, found: FoundCode) -> dict[str, np.ndarray]:
        quad = np.full((4, 2), np.nan) if subject.quad is None else subject.quad
        arrays = {
            "ws": found.ws,
            "noise_seed": np.asarray(noise_seed_of_code(found.ws), np.int64),
            "loss": found.losses,
            "trajectory": found.path,
            "quad": quad.astype(np.float64),
            "key": np.asarray(np.bytes_(subject.key)),
        }
        if self.label.size:
            arrays["labels"] = self.label[0]
        if found.z is not None:
            arrays["z"] = found.z
        if found.offsets is not None and found.offsets_path is not None:
            arrays |= {"style_offsets": found.offsets, "style_trajectory": found.offsets_path}
        return arrays | {f"noise/{number:02}": each for number, each in enumerate(found.noise)}


def lpips_name(detector: str) -> str:
    """Return the name of the perceptual distance through a detector."""
    return f"lpips_{detector}"


def remarks(measures: Measures, lpips: str) -> Iterator[str]:
    """Describe what is out of the ordinary about a projection."""
    far = measures.get("w_percentile", 0.0)
    if far > FAR_PERCENTILE:
        yield (
            f"its code is farther out than {far:.4g} % of the network's own codes, so mixing and "
            "editing may go astray; a larger `prior` keeps it nearer"
        )
    factor, more = DETAIL_IN_NOISE
    plain, own = measures[f"{lpips}_plain"], measures[lpips]
    if plain > factor * own + more:
        yield (
            f"detail is in the noise maps ({lpips} {own:.3f}, {plain:.3f} with the network's "
            "own noise); edits that move things will not move it"
        )


def remarks_beside(measures: Measures, checks: Sequence[Measures], lpips: str) -> Iterator[str]:
    """Describe what stands out beside the network's own images, projected alike."""
    if not checks:
        return
    worst = max(check[lpips] for check in checks)
    if measures[lpips] > FAR_OFF * worst and measures[lpips] > DETAIL_IN_NOISE[1]:
        yield (
            f"far from anything this network draws ({lpips} {measures[lpips]:.3f}, its own images "
            f"{worst:.3f} at most); perhaps of another kind, or not aligned like its training data"
        )


def remarks_on_own(checks: Sequence[Measures], lpips: str) -> Iterator[str]:
    """Describe a network that cannot even represent its own images."""
    own = float(np.mean([check[lpips] for check in checks])) if checks else 0.0
    if own > UNTRAINED:
        yield (
            f"the network's own images project with {lpips} {own:.2f}: it is not trained well "
            "enough to represent them"
        )
