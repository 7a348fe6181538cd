"""Findings about a projected picture: images, codes, noise and measures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log10

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Float64
from torch import Tensor

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.latents.sampling import noise_seed_of_code
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput
from stylegan_cli.rendering.render import draw, to_images
from stylegan_cli.shapes import Picture
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
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
PLAIN_BELOW = 32
"""Smaller pictures are compared at one scale."""


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


def remarks(
    found: Mapping[str, Measures], checks: Sequence[Measures], lpips: str
) -> Iterator[tuple[str, str]]:
    """Describe what is out of the ordinary about a picture, by its name, or about all.

    Args:
        found: Measures of each picture.
        checks: Those of the network's own images, projected alike.
    """
    for name, measures in found.items():
        yield from ((name, text) for text in _remarks_on_one(measures, checks, lpips))
    own = float(np.mean([check[lpips] for check in checks])) if checks else 0.0
    if own > UNTRAINED:
        yield (
            "",
            f"the network's own images project with {lpips} {own:.2f}: it is not trained well "
            "enough to represent them",
        )


def _remarks_on_one(measures: Measures, checks: Sequence[Measures], lpips: str) -> Iterator[str]:
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
    worst = max((check[lpips] for check in checks), default=inf)
    if own > FAR_OFF * worst and own > more:
        yield (
            f"far from anything this network draws ({lpips} {own:.3f}, its own images "
            f"{worst:.3f} at most); perhaps of another kind, or not aligned like its training data"
        )


def psnr(a: Picture, b: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB: −10 · log10 of the MSE on [0, 1]."""
    error = float(np.square((a.astype(np.float64) - b) / 255).mean())
    return -10 * log10(error) if error else inf


def scale_count(side: int) -> int:
    """Return at how many scales pictures of this shorter side are compared."""
    if side < PLAIN_BELOW:
        return 1
    return min(len(SCALE_WEIGHTS), (side // WINDOW).bit_length())


def ms_ssim(a: Picture, b: Picture) -> float:
    """Return the structural similarity at several scales, Wang et al. 2003.

    As many of the five scales as keep the side at 11 px; below 32 px only the first, which is
    plain SSIM.
    """
    left, right = (_unit(each) for each in (a, b))
    scales = scale_count(min(a.shape[:2]))
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    total = 1.0
    for number, weight in enumerate(weights):
        structure, luminance = _similarity(left, right)
        value = structure * luminance if number == scales - 1 else structure
        total *= max(float(value.mean()), 0.0) ** float(weight)
        left, right = F.avg_pool2d(left, 2), F.avg_pool2d(right, 2)
    return total


def _unit(pixels: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[:, None].double() / 255


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return maps of contrast and structure, and of luminance."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return structure, luminance


def _blur(x: Tensor) -> Tensor:
    taps = torch.from_numpy(_taps(min(WINDOW, *x.shape[-2:])))
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


def _taps(length: int) -> Float64[np.ndarray, " length"]:
    place = np.arange(length) - (length - 1) / 2
    bell = np.exp(-(place**2) / (2 * SIGMA**2))
    taps: np.ndarray = bell / bell.sum()
    return taps
