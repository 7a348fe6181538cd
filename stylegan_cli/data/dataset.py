"""Images of one size, read by number: what training and metrics take."""

import hashlib
from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image

from stylegan_cli.data.annotations import AnnotationColumns, Column, label_row
from stylegan_cli.data.entries import Entry, Source, entry_path
from stylegan_cli.data.pictures import (
    MODES,
    Fit,
    Target,
    UnusableImageError,
    fit_square,
    reasons,
    usual_resolution,
)
from stylegan_cli.data.sources import open_source
from stylegan_cli.errors import DataError
from stylegan_cli.shapes import Picture

Square = Callable[[Image.Image], Picture]


class Dataset:
    """Images `[H, W, C]` with labels `[c_dim]`; `read` is safe in several threads.

    Attributes:
        c_dim: Length of a label; 0 without labels.
        classes: Names of the classes by number, where labels are classes.
        fingerprint: Equal for equal images and labels, as far as that is cheap to know.
        whole: The data set that this one is a part of, or this one.
    """

    def __init__(self, source: Source, square: Square, *, labels: bool) -> None:
        self._source = source
        self._square = square
        self._entries = list(source.entries())
        if not self._entries:
            raise DataError(f"{source.name}: holds no images that are read (PNG, JPEG, WebP, …)")
        columns = AnnotationColumns(source.classes)
        for entry in self._entries if labels else ():
            columns.add(entry)
        annotations = columns.finish()
        self._labels = annotations.labels
        if labels and self._labels is None:
            raise DataError(self._missing_label())
        self.classes = annotations.classes if labels else ()
        self.c_dim = self._count_label_numbers()
        self.fingerprint = _fingerprint(self._entries, labels=labels)
        self.whole = self

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, index: int) -> tuple[Picture, Float32[np.ndarray, " c_dim"]]:
        """Pixels and label of one image.

        Raises:
            DataError: The image cannot be used; names it and says why.
        """
        entry = self._entries[index]
        try:
            with reasons():
                pixels = self._square(self._source.open(entry))
        except UnusableImageError as error:
            raise DataError(f"{entry_path(self._source, entry)}: {error}") from error
        return pixels, self.label(index)

    def label(self, index: int) -> Float32[np.ndarray, " c_dim"]:
        """Label of one image, without decoding it."""
        if self._labels is None:
            return np.zeros(0, np.float32)
        return label_row(self._labels, index, self.c_dim)

    def part(self, count: int, *, seed: int) -> "Dataset":
        """So many of the images in their order, those that [ADA] takes with this seed.

        Classes and their numbers stay; with a count that is not smaller, everything does.
        """
        if count >= len(self):
            return self
        chosen = np.sort(np.random.RandomState(seed).permutation(len(self))[:count])
        part = copy(self)
        part._entries = [self._entries[i] for i in chosen]
        if self._labels is not None:
            part._labels = self._labels[chosen]
        part.fingerprint = _fingerprint(part._entries, labels=self._labels is not None)
        return part

    def members(self) -> list[list[int]]:
        """The images of each class that has any, in the order of the classes.

        Raises:
            DataError: Labels are no classes.
        """
        if self._labels is None or self._labels.ndim == 2:
            raise DataError(
                f"{self._source.name}: has no classes to balance; leave data.balance out"
            )
        numbers = np.unique(self._labels)
        return [np.flatnonzero(self._labels == number).tolist() for number in numbers]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images, as their source calls them."""
        return tuple(entry.name for entry in self._entries)

    def columns(self) -> dict[str, Column]:
        """What is known about every image: its attributes, and its class under "class"."""
        collected = AnnotationColumns(self._source.classes)
        for entry in self._entries:
            collected.add(entry)
        known = collected.finish()
        if known.labels is None or known.labels.ndim == 2:
            return dict(known.attributes)
        return {
            "class": Column(values=known.classes, index=known.labels.tolist()),
            **known.attributes,
        }

    def close(self) -> None:
        self._source.close()

    def _count_label_numbers(self) -> int:
        if self._labels is None:
            return 0
        return len(self.classes) if self._labels.ndim == 1 else self._labels.shape[1]

    def _missing_label(self) -> str:
        bare = next(entry.name for entry in self._entries if entry.label is None)
        return (
            f"{self._source.name}: labels are wanted, but {bare} has none; "
            "prepare it with one sub-folder per class, or add --set data.labels=false"
        )


def open_dataset(
    path: str | Path,
    *,
    resolution: int,
    channels: int = 3,
    fit: Fit = "crop",
    labels: bool = False,
) -> Dataset:
    """The images at a path as squares of one size.

    A prepared `.zip` or `.h5` is taken as it is; images of a plain folder are decoded and fitted
    each time they are read.

    Args:
        fit: How images of a plain folder become square.
        labels: Give each image its label; without, labels have length 0.

    Raises:
        DataError: Nothing usable there, images of another size, or labels missing.
    """
    target = Target(resolution=resolution, channels=channels, fit=fit)
    source = open_source(Path(path))
    try:
        if Path(path).is_dir() and not source.prepared:
            return Dataset(source, lambda image: fit_square(image, target).pixels, labels=labels)
        dataset = Dataset(source, lambda image: _exactly(image, target), labels=labels)
        _check_first(dataset, source, target)
        return dataset
    except BaseException:
        source.close()
        raise


def _exactly(image: Image.Image, target: Target) -> Picture:
    wanted = (target.resolution, target.resolution)
    if image.size != wanted or image.mode != MODES[target.channels]:
        raise UnusableImageError(
            f"{image.width}×{image.height} {image.mode}, not {wanted[0]}×{wanted[1]} "
            f"{MODES[target.channels]}; run `sgtool data prepare` on the data"
        )
    return np.asarray(image).reshape(*wanted, target.channels)


def _check_first(dataset: Dataset, source: Source, target: Target) -> None:
    """Compare the first image with what is wanted, where the remedy is easy to name."""
    entry = next(source.entries())
    try:
        with reasons():
            image = source.open(entry)
    except UnusableImageError as error:
        raise DataError(f"{entry_path(source, entry)}: {error}") from error
    width, height = image.size
    if width != height or width != usual_resolution(width, width):
        raise DataError(
            f"{source.name}: not prepared, the first image is {width}×{height}; "
            f"run `sgtool data prepare {source.name} -o prepared.zip` and use that"
        )
    if width != target.resolution:
        raise DataError(
            f"{source.name}: images are {width}×{height}, the recipe says "
            f"{target.resolution}×{target.resolution}; add --set data.resolution={width}"
        )
    channels = {mode: count for count, mode in MODES.items()}.get(image.mode)
    if channels is None:
        raise DataError(
            f"{source.name}: not prepared, the first image has mode {image.mode}; "
            f"run `sgtool data prepare {source.name} -o prepared.zip` and use that"
        )
    if channels != target.channels:
        raise DataError(
            f"{source.name}: images have {channels} channels, the recipe says "
            f"{target.channels}; add --set data.channels={channels}"
        )


def _fingerprint(entries: Iterable[Entry], *, labels: bool) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        label = entry.label if labels else None
        digest.update(repr((entry.name, entry.mark, label)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
