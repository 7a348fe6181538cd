"""Images of a generator as metrics take them: each depends on its own seed only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegan_cli.errors import NetworkFileError, UsageError
from stylegan_cli.figures.png import shown
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds
from stylegan_cli.metrics.pictures import Label, StoredPictures
from stylegan_cli.networks.execution import USUAL, Execution, open_for_drawing, precision_claim
from stylegan_cli.networks.snapshot import Network, Precision
from stylegan_cli.ranges import SEEDS
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Labels, Pixels
from stylegan_cli.sizes import Size

if TYPE_CHECKING:
    import torch

SEEDS_AN_EVALUATION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class DrawnPictures:
    """The first `count` images of an evaluation's seed.

    Attributes:
        file: The network, in memory only while images are drawn.
        seed: Of the evaluation; its images have the seeds from 1,000,000 times this on.
        labels: Images whose labels are drawn where `sampling` chooses no class; of those that
            count, if not all do.
    """

    file: Path
    sha256: str
    size: Size
    count: int
    seed: int
    device: "torch.device | Callable[[], torch.device]"
    sampling: Sampling = field(default_factory=lambda: Sampling(noise_mode="random"))
    labels: StoredPictures | None = None
    execution: Execution = USUAL
    precision: Precision = "fp32"

    @property
    def name(self) -> str:
        return str(self.file)

    @property
    def identity(self) -> Mapping[str, Any]:
        rows = self.labels.rows if self.labels else None
        chosen = None if rows is None else sha256(rows.astype("<i8").tobytes()).hexdigest()
        return {
            "network_sha256": self.sha256,
            "seed": self.seed,
            "psi": self.sampling.psi,
            "cutoff": self.sampling.cutoff,
            "noise_mode": self.sampling.noise_mode,
            "class": self.sampling.class_name,
            "labels": self.labels.sha256 if self.labels else None,
            **({"label_rows": chosen} if chosen else {}),
            **precision_claim(self.precision),
        }

    @property
    def rows(self) -> None:
        return None

    @property
    def counted(self) -> int:
        return self.count

    def __len__(self) -> int:
        return self.count

    def batches(self, parts: Sequence[range]) -> Iterator[Pixels]:
        """Yield the images of each part."""
        if not parts:
            return
        network = open_for_drawing(self.file, self.device, self.execution)
        for part in parts:
            yield draw_fakes(network, self, part)


Pictures = StoredPictures | DrawnPictures
"""Images of one size in a fixed order."""


def seeds_of(evaluation: int, part: range) -> range:
    """Return seeds of images of an evaluation; `sgtool grid` draws the same images from them."""
    first = evaluation * SEEDS_AN_EVALUATION
    if evaluation < 0 or first + part.stop - 1 not in SEEDS or part.stop > SEEDS_AN_EVALUATION:
        raise UsageError(
            f"`seed={evaluation}`: out of range for {part.stop} images; the valid range is "
            f"0-{SEEDS.stop // SEEDS_AN_EVALUATION - 1}, with {SEEDS_AN_EVALUATION:,} images each"
        )
    return range(first + part.start, first + part.stop)


def draw_fakes(network: Network, fakes: DrawnPictures, part: range) -> Pixels:
    """Draw images of an evaluation by their numbers, as one batch."""
    from stylegan_cli.rendering.render import draw_pixels

    codes = _codes(network, fakes, seeds_of(fakes.seed, part))
    try:
        pixels = draw_pixels(network.G, codes, fakes.sampling.noise_mode)
    except NetworkFileError as error:
        raise NetworkFileError(f"{fakes.file}: {error}") from None
    seen: Pixels = shown(pixels, network.recipe.data.shown)
    return seen


def _codes(network: Network, fakes: DrawnPictures, seeds: range) -> Codes:
    data, labels = fakes.labels, None
    if data is not None and fakes.sampling.class_name is None:
        label = data.label
        assert label is not None, "the data set has labels"
        numbers = range(data.count) if data.rows is None else data.rows
        labels = drawn_labels(seeds, lambda i: label(int(numbers[i])), len(numbers))
    return codes_of_seeds(network, seeds, fakes.sampling, labels)


def drawn_labels(seeds: Sequence[int], label: Callable[[int], Label], count: int) -> Labels:
    """Return the label of a random image for each seed.

    Args:
        label: Returns the label of an image by its number, below `count`.
    """
    streams = (numpy_stream(seed, "label of an evaluation") for seed in seeds)
    return np.stack([label(int(stream.integers(count))) for stream in streams])
