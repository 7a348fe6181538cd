"""From images to features: streamed, kept on disk as they come, shared among processes."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from stylegan_cli.detectors import FeatureDetector
from stylegan_cli.execution import default_batch_size
from stylegan_cli.metrics.cache import FeatureFile, key_of
from stylegan_cli.metrics.pictures import Pictures, on_white
from stylegan_cli.metrics.statistics import Features
from stylegan_cli.runtime import World
from stylegan_cli.shapes import Pixels


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The features of a set of images by one detector.

    A batch of images is in memory at a time. Batches are cut alike for every number of processes
    and every interruption, so the features are the same bits.

    Attributes:
        folder: Where features are kept.
        batch_size: Images at once; by their size if not given.
    """

    pictures: Pictures
    detector: FeatureDetector
    device: torch.device
    folder: Path
    world: World = field(default_factory=World)
    batch_size: int | None = None

    @cached_property
    def file(self) -> FeatureFile:
        """Where these features are, or will be."""
        claims: dict[str, Any] = {
            "images": dict(self.pictures.identity),
            "count": len(self.pictures),
            "detector": [self.detector.name, self.detector.sha256, self.detector.resize],
        }
        shape = len(self.pictures), self.detector.feature_dim
        return FeatureFile(self.folder, key_of(claims), shape)

    @cached_property
    def missing(self) -> tuple[range, ...]:
        """The batches without features when this was first asked; all processes ask together."""
        size, count = self.batch_size or default_batch_size(self.pictures.side), len(self.pictures)
        # only the first process's disk counts
        first = self.world.gather(self._first_missing(size))[0]
        return tuple(range(start, min(start + size, count)) for start in range(first, count, size))

    def run(self) -> Iterator[int]:
        """Compute what is missing; yields, in every process, how many more images are done.

        Raises:
            SgtoolError: Images cannot be read or drawn, or features not be written.
        """
        if not self.missing:
            return
        world = self.world
        own = self.pictures.batches(self.missing[world.rank :: world.size])
        start = self.missing[0].start
        with self.file.appending(start) if world.is_first else nullcontext() as rows:
            for _ in range(0, len(self.missing), world.size):
                done = 0
                for features in world.gather(self._features(next(own, None))):
                    if rows is not None:
                        rows.add(features)
                    done += len(features)
                yield done

    def features(self) -> Features:
        """All features, once none is missing; for the first process."""
        return self.file.read()

    def _first_missing(self, size: int) -> int:
        if self.file.is_finished:
            return len(self.pictures)
        return min(self.file.rows(), len(self.pictures) - 1) // size * size

    def _features(self, pixels: Pixels | None) -> Float32[np.ndarray, "n dim"]:
        if pixels is None:  # the last round may have fewer batches than processes
            return np.empty((0, self.detector.feature_dim), np.float32)
        images = torch.from_numpy(np.ascontiguousarray(on_white(pixels))).permute(0, 3, 1, 2)
        return self.detector.features(images.to(self.device)).float().cpu().numpy()
