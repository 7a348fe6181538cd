"""The same styles under other noise: fresh draws, stronger or weaker, inside a mask or all over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from stylegan_cli.data.decoding import decoded, reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.files import similar
from stylegan_cli.latents.codes import Codes, OwnNoise, join_codes
from stylegan_cli.networks.noise import NoiseMode, noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import parse_layers
from stylegan_cli.runtime import stream_seed
from stylegan_cli.sizes import Size

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

Mask = Float32[np.ndarray, "mask_height mask_width"]
"""Shares of a region: 1 is in, 0 is out."""

Map = Float32[np.ndarray, "height width"]
MAX_VALUES = 2**28
"""Numbers of all maps of a study, which are in memory at once."""


@dataclass(frozen=True, kw_only=True)
class NoiseChange:
    """A change of the noise of every image, with a column for each variant.

    Attributes:
        draws: Numbers of fresh draws; each image has its own. Without any, the noise stays.
        scales: Factors of the noise; 0 takes it away.
        layers: List of the noise inputs that change, such as `fine`; None changes all.
        mask: 1 for fresh noise, 0 for the present one.
    """

    draws: Sequence[int] = ()
    scales: Sequence[float] = ()
    layers: str | None = None
    mask: Mask | None = None

    @property
    def columns(self) -> dict[str, tuple[int | None, float]]:
        """Return draw and factor of each column by its name; equal names are one column."""
        return {
            _name(draw, scale if self.scales else None): (draw, scale)
            for draw, scale in product(self.draws or (None,), self.scales or (1.0,))
        }

    @property
    def request(self) -> dict[str, Any]:
        """Return the change as a study's request holds it; empty if there is none."""
        said = {
            "noise_seeds": list(self.draws),
            "noise_scale": list(self.scales),
            "noise_layers": self.layers,
            "noise_mask": None if self.mask is None else sha256(self.mask.tobytes()).hexdigest(),
        }
        return {key: value for key, value in said.items() if value}


def varied(G: "Generator", codes: Codes, change: NoiseChange, mode: NoiseMode) -> Codes:
    """Put every code under every change of its noise, `[code, column]`.

    The maps stand in for the network's fixed noise, so that the plan's noise mode is "const".

    Args:
        codes: One after another.
        mode: Noise that the images have without the change.
    """
    inputs = _inputs(G.synthesis.noise_sizes, change)
    kept = [_maps(G, codes, i, mode) for i in range(len(codes.ws))]
    columns: list[np.ndarray] = []
    for draw, scale in change.columns.values():
        noise = np.empty(len(codes.ws), object)
        for i, base in enumerate(kept):
            fresh = base
            if draw is not None:  # as `sgtool noise` draws it
                fresh = _of_seed(G, stream_seed(int(codes.noise_seed[i]), "draw", draw))
            noise[i] = OwnNoise(
                maps=tuple(
                    scale * blended(old, new, change.mask) if number in inputs else old
                    for number, (old, new) in enumerate(zip(base, fresh, strict=True))
                )
            )
        columns.append(noise)
    tables = [replace(codes, own_noise=noise) for noise in columns]
    return join_codes(tables, partial(np.stack, axis=1))


def blended(old: Map, new: Map, mask: Mask | None) -> Map:
    """Put new noise inside a mask, at unit variance everywhere: √M·new + √(1 − M)·old.

    A straight blend would lose half of the variance where the mask is soft.
    """
    if mask is None:
        return new
    share = reduced(mask, Size(*old.shape))
    return np.asarray(np.sqrt(share) * new + np.sqrt(1 - share) * old, np.float32)


def read_mask(path: Path, size: Size) -> Mask:
    """Read a picture as shares between 0, black, and 1, white, reduced by area to a size.

    Raises:
        DataError: It is not a picture, or all black.
    """
    try:
        with path.open("rb") as file, reasons(), decoded(file, path.name) as picture:
            grey = np.asarray(picture.whole().convert("L"), np.float32)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file{similar(path)}") from None
    except UnusableImageError as error:
        raise DataError(f"{path}: not a picture that can be read ({error})") from None
    mask = reduced(grey / 255, size)
    if not mask.any():
        raise DataError(f"{path}: is all black; white marks the region to look at")
    return mask


def reduced(mask: Mask, size: Size) -> Float32[np.ndarray, "height width"]:
    """Reduce a mask to another size, by area."""
    import torch
    import torch.nn.functional as F

    whole = torch.from_numpy(mask)[None, None]
    small: np.ndarray = F.adaptive_avg_pool2d(whole, size.shape)[0, 0].numpy()
    return small


def _inputs(sizes: Sequence[Size], change: NoiseChange) -> tuple[int, ...]:
    if change.layers is None:
        return tuple(range(len(sizes)))
    levels = [size.level for size in sizes]
    return parse_layers(change.layers, levels, parameter="noise_layers")


def check_change(network: Network, change: NoiseChange, mode: NoiseMode, *, images: int) -> None:
    """Raise a `UsageError` if this many images in this noise mode cannot take the change."""
    sizes = network.sizes.noise_sizes
    if not sizes:
        raise UsageError(
            "this network has no noise inputs, its images depend on their codes alone; "
            "leave `noise_seeds`, `noise_scale`, `noise_layers` and `noise_mask` out"
        )
    if mode == "none":
        raise UsageError(
            "there is no noise to change; leave it out", parameter="noise_mode", value="none"
        )
    if change.mask is not None and not change.draws:
        raise UsageError("takes fresh noise; give `noise_seeds`", parameter="noise_mask")
    if not (change.draws or change.scales):
        raise UsageError(
            "says where noise changes; say how with `noise_seeds` or `noise_scale`",
            parameter="noise_layers",
        )
    columns = max(len(change.draws), 1) * max(len(change.scales), 1)
    _inputs(sizes, change)
    values = images * columns * sum(size.area for size in sizes)
    if values > MAX_VALUES:
        raise UsageError(
            f"{images} images under {columns} noises need {values * 4 >> 30} GiB of maps; "
            "ask for fewer at once"
        )


def _maps(G: "Generator", codes: Codes, image: int, mode: NoiseMode) -> tuple[Map, ...]:
    """Return the noise of an image."""
    if mode == "random":
        return _of_seed(G, int(codes.noise_seed[image]))
    from stylegan_cli.rendering.render import fixed_maps

    own = None if codes.own_noise is None else codes.own_noise[image]
    return tuple(each[0, 0].cpu().numpy() for each in fixed_maps(G, [own]))


def _of_seed(G: "Generator", seed: int) -> tuple[Map, ...]:
    import torch

    maps = noise_maps(G.synthesis.noise_sizes, [seed], torch.device("cpu"))
    return tuple(each[0, 0].numpy() for each in maps)


def _name(draw: int | None, scale: float | None) -> str:
    if draw is None:
        return f"{scale:g}"
    return f"draw {draw}" if scale is None else f"draw {draw} at {scale:g}"
