"""Image-space filtering, [ADA] appendix B: random gains of four octave bands."""

from functools import lru_cache

import torch
from jaxtyping import Float64
from torch import Tensor

from stylegan_cli.runtime import upload
from stylegan_cli.shapes import Images
from stylegan_cli.training.augment.draws import Draws, Probabilities

SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
BANDS = 4
_EXPECTED_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Of the bands of natural images, whose spectrum falls as 1 / frequency."""


def transform_bands(images: Images, draws: Draws, chances: Probabilities) -> Images:
    """Make bands of frequencies stronger or weaker; alpha, a fourth channel, stays as it is."""
    height, width = images.shape[2:]
    gains = upload(band_gains(draws, chances).to(images.dtype), images.device)
    down, across = (
        torch.einsum("nb,bij->nij", gains, _band_matrices(side, images.dtype, images.device))
        for side in (height, width)
    )
    filtered = down[:, None] @ images[:, :3] @ across.mT[:, None]
    return filtered if images.shape[1] < 4 else torch.cat([filtered, images[:, 3:]], dim=1)


def band_gains(draws: Draws, chances: Probabilities) -> Float64[Tensor, "n 4"]:
    """Gain of each band in each image; they leave the expected power of an image alone."""
    power = torch.tensor(_EXPECTED_POWER, dtype=torch.float64)
    gains = torch.ones(len(draws.noise_seeds), BANDS, dtype=torch.float64)
    for band in range(BANDS):
        name = f"band{band}"
        changed = torch.ones_like(gains)
        changed[:, band] = draws.choose(name, chances["filter"], draws.normals[name].exp2(), 1.0)
        gains = gains * changed / (power * changed.square()).sum(1, keepdim=True).sqrt()
    return gains


def filter_bank() -> Float64[Tensor, "4 43"]:
    """Zero-phase filters of the bands, the lowest first; their sum is an impulse."""
    low = torch.tensor(SYM2, dtype=torch.float64)
    high = low * torch.tensor([1, -1, 1, -1])
    halves = [_autocorrelation(taps) / 2 for taps in (low, high)]
    bank = torch.eye(BANDS, 1, dtype=torch.float64)
    for band in range(1, BANDS):
        stuffed = torch.stack([bank, torch.zeros_like(bank)], dim=2).flatten(1)[:, :-1]
        bank = _convolved(stuffed, halves[0])
        middle = bank.shape[1] // 2
        bank[band, middle - 3 : middle + 4] += halves[1]
    return bank


def _autocorrelation(taps: Tensor) -> Tensor:
    return _convolved(taps[None], taps.flip(0))[0]


def _convolved(rows: Tensor, taps: Tensor) -> Tensor:
    """Full convolution of each row."""
    return torch.conv1d(rows[:, None], taps.flip(0)[None, None], padding=len(taps) - 1)[:, 0]


@lru_cache(maxsize=32)
def _band_matrices(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`[4, side, side]`: each band's filter of a row that goes on as its mirror image."""
    bank = filter_bank()
    reach = bank.shape[1] // 2
    places = torch.arange(side)[:, None] + torch.arange(-reach, reach + 1)
    period = max(2 * (side - 1), 1)
    wrapped = places % period
    sources = torch.minimum(wrapped, period - wrapped)
    matrices = torch.zeros(BANDS, side, side, dtype=torch.float64)
    matrices.scatter_add_(2, sources.expand(BANDS, -1, -1), bank[:, None].expand(-1, side, -1))
    with torch.inference_mode(False):
        return matrices.to(device, dtype)
