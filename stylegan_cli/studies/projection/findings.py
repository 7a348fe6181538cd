"""Findings about a projected picture: images, codes, noise and measures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log10
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Float64
from torch import Tensor

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import noise_seed_of_code
from stylegan_cli.networks.generator import Generator
from stylegan_cli.rendering.render import draw_codes, to_images, to_pixels
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.projection.objective import enlarge, views
from stylegan_cli.studies.projection.pictures import Subject
from stylegan_cli.studies.projection.states import Measures, Record
from stylegan_cli.studies.projection.whitening import Statistics, distances

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
    noise: Literal["const", "none"]

    @property
    def lpips(self) -> str:
        """Return the name of the perceptual distance."""
        return lpips_name(self.detector.name)

    def measured(self, subject: Subject, found: Record, name: str) -> Record:
        """Return what was found of a picture with all that is stored beside it."""
        root, codes, target = found.cells["/"], found.codes, self._blown_up(subject.load())
        beside = root.get("style_trajectory")
        path = replace(
            codes,
            ws=root["trajectory"][:1],
            style_offsets=None if beside is None else beside[:1],
            own_noise=None,
        )
        image, start = self.draw(codes), self.draw(path)
        plain = image if codes.own_noise is None else self.draw(replace(codes, own_noise=None))
        measures = {
            self.lpips: self.distance(image, target),
            "psnr": psnr(image, target),
            "ms_ssim": ms_ssim(image, target),
            "scales": scale_count(self.G.grown_size.shorter),
            **self._how_far_out(codes, subject),
            f"{self.lpips}_plain": self.distance(plain, target),
            f"{self.lpips}_start": self.distance(start, target),
            "steps": np.isfinite(root["loss"]).sum(),
        }
        cells = {
            "/": {"images": image, **self._stored(subject, root)},
            "targets": {"images": target},
            "starts": {"images": start},
            "plain": {"images": plain},
            "measures": {key: np.asarray(value, np.float32) for key, value in measures.items()},
        }
        return Record(name=name, cells=cells)

    def draw(self, codes: Codes) -> Picture:
        """Draw the image of a code alone, so that it has the same bits wherever it is drawn."""
        image: Picture = to_pixels(draw_codes(self.G, codes, self.noise))[0]
        return image

    def distance(self, a: Picture, b: Picture) -> float:
        """Return LPIPS of two pictures; of RGBA, the sum of colours on grey and of alpha."""
        left, right = (views(enlarge(grown_images(self.G, each))) for each in (a, b))
        pairs = zip(left, right, strict=True)
        return sum(
            self.detector.distance((x + 1) * 127.5, (y + 1) * 127.5).item() for x, y in pairs
        )

    def _blown_up(self, pixels: Picture) -> Picture:
        """Enlarge the picture to the size of full-grown images."""
        step = self.G.size.height // len(pixels)
        return pixels.repeat(step, axis=0).repeat(step, axis=1)

    def _how_far_out(self, found: Codes, subject: Subject) -> dict[str, float]:
        if self.statistics is None:
            return {}
        (ws,) = found.ws
        out = distances(
            self.statistics.whitening, torch.from_numpy(ws).to(self.statistics.w_mean.device)
        )
        distance = float(out.mean())
        measures = {
            "w_distance": distance,
            "w_percentile": self.statistics.percentile(distance),
            "w_error": np.nan,
        }
        if found.style_offsets is not None:
            sigmas = found.style_offsets / self.statistics.style_std.cpu().numpy()
            measures["style_distance"] = float(np.sqrt((sigmas**2).mean()))
        if subject.truth is not None:
            apart = np.linalg.norm(ws - subject.truth, axis=1)
            measures["w_error"] = float(np.sqrt((apart**2).mean())) / self.statistics.w_std
        return measures

    def _stored(self, subject: Subject, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        quad = np.full((4, 2), np.nan) if subject.quad is None else subject.quad
        return {
            **found,
            "noise_seed": np.asarray(noise_seed_of_code(found["ws"]), np.int64),
            "quad": quad.astype(np.float64),
            **({"labels": self.label[0]} if self.label.size else {}),
        }


def grown_images(G: Generator, pixels: Picture) -> Tensor:
    """Return a picture of full-grown size as the images that a network draws by now."""
    step = G.size.height // G.grown_size.height
    image = torch.from_numpy(np.ascontiguousarray(pixels[::step, ::step]))
    return to_images(image[None].to(G.mapping.w_avg.device))


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
