"""Findings of a study of noise, in numbers."""

from dataclasses import dataclass

from stylegan_cli.rendering.store import StudyFile

HARDLY = 0.01
"""Share of the variance of images below which nobody sees what noise does."""


@dataclass(frozen=True, kw_only=True)
class LayerNoise:
    """Effect of one layer's noise on images.

    Attributes:
        input: The noise input's number.
        side: Of its noise map, the longer one, in pixels.
        strength: Learned scale of the noise; the root mean square over channels.
        rms: Root mean square difference between images with noise here alone and images without
            any, in grey levels.
    """

    input: int
    side: int
    strength: float
    rms: float


@dataclass(frozen=True, kw_only=True)
class NoiseShare:
    """Variance of images by cause when a list of noise inputs gets noise.

    Attributes:
        noise: Name of the list.
        style_variance: Between seeds, in squared grey levels, over all pixels and channels; None
            if there was but one seed.
        noise_variance: Between draws of the noise, alike.
    """

    noise: str
    style_variance: float | None
    noise_variance: float

    @property
    def share(self) -> float | None:
        """Return the share of noise in the whole variance; None if unknown or without variance."""
        if self.style_variance is None:
            return None
        # an unbiased estimate of a variance near 0 can fall below
        whole = max(self.style_variance, 0) + self.noise_variance
        return self.noise_variance / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class NoiseFindings:
    layers: tuple[LayerNoise, ...]
    shares: tuple[NoiseShare, ...]

    @property
    def verdict(self) -> str | None:
        """Return that noise hardly matters, in words; None if it matters, or nobody can tell."""
        known = [each.share for each in self.shares if each.share is not None]
        if not known or max(known) >= HARDLY:
            return None
        return (
            f"noise hardly matters: {100 * max(known):.2g} % of the variance, style does the rest"
        )


def noise_findings(file: StudyFile) -> NoiseFindings:
    """Return the numbers of a finished study of noise."""
    return NoiseFindings(
        layers=tuple(_layer(file, i) for i in range(len(file.done("layers")))),
        shares=tuple(_share(file, i, name) for i, name in enumerate(file.header.axes["noise"])),
    )


def _layer(file: StudyFile, index: int) -> LayerNoise:
    side, strength, rms = (
        float(file.array("layers", name, (index,))) for name in ("side", "strength", "rms")
    )
    return LayerNoise(input=index, side=int(side), strength=strength, rms=rms)


def _share(file: StudyFile, index: int, name: str) -> NoiseShare:
    style, noise = (
        float(file.array("variance", cause, (index,)).mean(dtype="float64"))
        for cause in ("style", "noise")
    )
    several = len(file.header.axes["seed"]) > 1
    return NoiseShare(noise=name, style_variance=style if several else None, noise_variance=noise)
