"""Features of images: streamed, kept on disk as they come, shared among processes."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Float32

from stylegan_cli.errors import MetricError, OutputError
from stylegan_cli.files import cache_folder, locked, put_in_place, refuse_devices, writing
from stylegan_cli.metrics.fakes import Pictures
from stylegan_cli.metrics.fid import ROWS_AT_ONCE
from stylegan_cli.metrics.metric import Features
from stylegan_cli.metrics.pictures import on_white
from stylegan_cli.networks.execution import USUAL, Execution, default_batch_size
from stylegan_cli.runtime import World, keep_freed_memory, pick_device

if TYPE_CHECKING:
    import torch

    from stylegan_cli.detectors import FeatureDetector

T = TypeVar("T")

SCHEMA = 1
MAX_BYTES = 16 * 2**30
"""Size of the cache above which the least recently used features are removed."""


def key_of(claims: Mapping[str, Any]) -> str:
    """Return a name that stands for these JSON facts."""
    text = json.dumps({"schema": SCHEMA, **claims}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


Rows = Float32[np.ndarray, "rows dim"]


class FeatureFile:
    """A `.npy` file of one feature vector an image, hidden while some are missing.

    Args:
        key: Identifies the images and the detector.
        shape: Number of images, and of features per image.
    """

    def __init__(self, folder: Path, key: str, shape: tuple[int, int]) -> None:
        self.path = folder / f"{key}.npy"
        self.unfinished = folder / f".{key}.npy.partial"
        self._count, self._row_bytes = shape[0], 4 * shape[1]
        head = BytesIO()
        facts = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, facts)
        self._head = head.getvalue()

    @property
    def is_finished(self) -> bool:
        """Return whether all features are there; remove a damaged file, to compute it again."""
        if not self.path.exists():
            return False
        size = len(self._head) + self._count * self._row_bytes
        with writing(self.path):
            with refuse_devices(self.path).open("rb") as file:
                whole = file.read(len(self._head)) == self._head
            if whole and self.path.stat().st_size == size:
                return True
            self.path.unlink()
        return False

    def rows(self) -> int:
        if self.is_finished:
            return self._count
        if not self.unfinished.exists():
            return 0
        return max(0, self.unfinished.stat().st_size - len(self._head)) // self._row_bytes

    @contextmanager
    def appending(self, rows: int) -> Iterator[Callable[[Rows], None]]:
        """Yield a function that appends rows; with the last one the file is finished."""

        def add(features: Rows) -> None:
            with writing(self.path):
                file.write(np.ascontiguousarray(features, "<f4").tobytes())
                file.flush()

        with ExitStack() as stack:
            with writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # in a cache that others share, a planted link must not be followed
                file = stack.enter_context(open(self.unfinished, "r+b", opener=_own))
                if not locked(file.fileno()):
                    raise OutputError(
                        f"{self.path}: another process is computing these features; wait for it"
                    )
                file.write(self._head)
                file.seek(len(self._head) + rows * self._row_bytes)
                file.truncate()
            yield add
        if self.rows() == self._count:
            with writing(self.path):
                put_in_place(self.unfinished, self.path)

    def read(self) -> Features:
        """Return all features, mapped into memory."""
        os.utime(self.path)  # the least recently used are removed first
        features: Features = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return features


def _own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def remove_unused(folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Remove the least recently used features until the others take no more than this."""
    if not folder.is_dir():
        return
    files = [(path.stat(), path) for path in folder.glob("*.npy")]
    files.sort(key=lambda found: found[0].st_mtime, reverse=True)
    total = 0
    for status, path in files:
        total += status.st_size
        if total > max_bytes:
            with suppress(OSError):  # another process may have removed it
                path.unlink()


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The device and the processes that measure, and the cache."""

    device_name: str = "cpu"
    folder: Path = field(default_factory=lambda: cache_folder() / "features")
    world: World = field(default_factory=World)
    execution: Execution = USUAL

    @cached_property
    def device(self) -> "torch.device":
        """The device, looked for when it is first needed."""
        place = pick_device(self.device_name)
        if place.type == "cpu":
            keep_freed_memory()
        return place


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The features of a set of images by one detector.

    A batch of images is in memory at a time. Batches are the same for every number of processes
    and every interruption, so the features are the same bits.
    """

    pictures: Pictures
    detector: "FeatureDetector"
    place: Workplace

    @cached_property
    def file(self) -> FeatureFile:
        """Return the file of these features, existing or not."""
        claims: dict[str, Any] = {
            "images": dict(self.pictures.identity),
            "count": len(self.pictures),
            "detector": list(self.detector.facts.values()),
        }
        shape = len(self.pictures), self.detector.feature_dim
        return FeatureFile(self.place.folder, key_of(claims), shape)

    @cached_property
    def missing(self) -> tuple[range, ...]:
        """Return the batches without features when first asked; all processes ask together."""
        count = len(self.pictures)
        size = self.place.execution.batch_size or default_batch_size(self.pictures.size)
        first = count
        if not self.file.is_finished:
            first = min(self.file.rows(), count - 1) // size * size
        # only the first process's disk counts
        first = self.place.world.gather(first)[0]
        return tuple(range(start, min(start + size, count)) for start in range(first, count, size))

    def run(self) -> Iterator[int]:
        """Compute what is missing; yields, in every process, how many more images are done."""
        if not self.missing:
            return
        world, start = self.place.world, self.missing[0].start
        with self.file.appending(start) if world.is_first else nullcontext() as add:
            for part, features in shared(self.missing, self._computed, world):
                if add is not None:
                    add(features)
                yield len(part)

    def features(self) -> Features:
        """Return the features of the images that count, for the first process."""
        features, rows = self.file.read(), self.pictures.rows
        return features if rows is None else features[rows]

    def _computed(self, parts: Sequence[range]) -> Iterator[Rows]:
        import torch

        for pixels in self.pictures.batches(parts):
            images = torch.from_numpy(np.ascontiguousarray(on_white(pixels))).permute(0, 3, 1, 2)
            yield self.detector.features(images.to(self.place.device)).float().cpu().numpy()


def check_features(features: Features, *, at_least: int, what: str) -> None:
    """Raise if there are too few features, or some are not finite."""
    if len(features) < at_least:
        raise MetricError(
            f"{what}: {len(features)} images are too few, this metric needs {at_least}; add more"
        )
    for start in range(0, len(features), ROWS_AT_ONCE):
        bad = np.flatnonzero(~np.isfinite(features[start : start + ROWS_AT_ONCE]).all(axis=1))
        if len(bad):
            raise MetricError(
                f"{what}: the features of image {start + bad[0]} are not finite; "
                "the network that made it has diverged, or the detector's weights are damaged"
            )


def shared(
    parts: Sequence[range], compute: Callable[[Sequence[range]], Iterator[T]], world: World
) -> Iterator[tuple[range, T]]:
    """Compute parts, each process its own, and yield all of them in order in every process."""
    own = compute(parts[world.rank :: world.size])
    for first in range(0, len(parts), world.size):
        # the last round may have fewer parts than processes
        results = world.gather(next(own, None))
        yield from zip(parts[first : first + world.size], results, strict=False)
