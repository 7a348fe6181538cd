"""Images of one size, read by number: input of training and metrics."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stylegan_cli.data import Entry, Source, entry_path
from stylegan_cli.data.account import Account, Findings, Progress, labelling
from stylegan_cli.data.decoding import DEEP_MAX, Upright, is_deep, reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.labels import AnnotationColumns, Column, column_ranges, label_row
from stylegan_cli.data.levels import has_halves, seen_levels
from stylegan_cli.data.packed import PackedSource
from stylegan_cli.data.pictures import MODES, SMALLEST, Fit, Target, check_channels, fit_picture
from stylegan_cli.data.sources import fingerprint, open_source
from stylegan_cli.errors import DataError
from stylegan_cli.runtime import ordered_map
from stylegan_cli.shapes import Picture, Stored
from stylegan_cli.sizes import Size

Square = Callable[[Upright], Stored]
_DEEP = "not prepared, pixels have more than 8 bits"


class Dataset:
    """Images `[H, W, C]` with labels `[c_dim]`; `read` is safe in several threads.

    Attributes:
        c_dim: Length of a label; 0 without labels.
        classes: Names of the classes by number, where labels are classes.
        label_names: Names of the numbers of a label, where labels are numbers.
        account: Images taken and left out, where they lie in a plain folder.
        fingerprint: Equal for equal images and labels, as far as that is cheap to know.
        whole: The data set that this one is a part of, or this one.
    """

    def __init__(
        self,
        source: Source,
        entries: Sequence[Entry],
        square: Square,
        *,
        labels: bool,
        account: Account | None = None,
    ) -> None:
        self._source = source
        self._square = square
        self._entries = entries
        columns = AnnotationColumns(source.classes, source.label_names)
        for entry in self._entries if labels else ():
            columns.add(entry)
        annotations = columns.finish()
        self._labels = annotations.labels
        if labels and self._labels is None:
            bare = [entry.name for entry in entries if entry.label is None]
            remarks = "".join(f"; {remark}" for remark in source.remarks())
            raise DataError(
                f"{source.name}: labels are wanted, but {bare[0]} has none ({len(bare)} of "
                f"{len(entries)} images have none){remarks}; prepare it with one sub-folder per "
                "class, or choose `data.labels=false`"
            )
        self.classes = annotations.classes if labels else ()
        self.label_names = annotations.label_names if labels else ()
        vectors = self._labels is not None and self._labels.ndim == 2
        self.c_dim = len(self.label_names if vectors else self.classes)
        self.account = account
        self.fingerprint = fingerprint(source, self._entries, labels=labels)
        self.whole = self

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, index: int) -> tuple[Stored, Float32[np.ndarray, " c_dim"]]:
        """Return pixels and label of one image.

        Raises:
            DataError: The image cannot be used; names it and says why.
        """
        entry = self._entries[index]
        try:
            with reasons(), self._source.open(entry) as image:
                pixels = self._square(image)
        except UnusableImageError as error:
            told = f"{entry_path(self._source, entry)}: {error}"
            way = "" if "data prepare" in told else "; `sgtool data prepare` makes a set without it"
            raise DataError(f"{told}{way}") from error
        return pixels, self.label(index)

    def label(self, index: int) -> Float32[np.ndarray, " c_dim"]:
        """Return the label of one image, without decoding it."""
        if self._labels is None:
            return np.zeros(0, np.float32)
        return label_row(self._labels, index, self.c_dim)

    @property
    def label_columns(self) -> dict[str, tuple[float, float, float]]:
        """Return least, mean and greatest value of each number of the labels; none for classes."""
        return {} if self._labels is None else column_ranges(self._labels, self.label_names)

    def part(self, count: int, *, seed: int) -> "Dataset":
        """Return so many of the images in their order, those that [ADA] takes with this seed.

        Classes keep their numbers. A count that is not smaller returns the data set itself.
        """
        if count >= len(self):
            return self
        chosen = np.sort(np.random.RandomState(seed).permutation(len(self))[:count])
        part = copy(self)
        part._entries = [self._entries[i] for i in chosen]
        if self._labels is not None:
            part._labels = self._labels[chosen]
        part.fingerprint = fingerprint(self._source, part._entries, labels=self._labels is not None)
        return part

    def members(self) -> list[list[int]]:
        """Return the images of each class that has any, in the order of the classes.

        Raises:
            DataError: There are no classes.
        """
        if self._labels is None or self._labels.ndim == 2:
            raise DataError(
                f"{self._source.name}: has no classes to balance; leave `data.balance` out"
            )
        numbers = np.unique(self._labels)
        return [np.flatnonzero(self._labels == number).tolist() for number in numbers]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the images, as their source has them."""
        return tuple(entry.name for entry in self._entries)

    def columns(self) -> dict[str, Column]:
        """Return what is known about every image: its attributes, and its class under "class"."""
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


def open_dataset(
    path: str | Path,
    *,
    resolution: int | str,
    channels: int = 3,
    fit: Fit = "crop",
    labels: bool = False,
) -> Dataset:
    """Open the images at a path as pictures of one size.

    A prepared `.zip` or `.h5` is taken as it is. The images of a plain folder, of shards, parquet
    or LMDB are decoded and fitted each time they are read; they are all decoded once now, and those
    that cannot be are left out.

    Args:
        resolution: Side of squares, or "WIDTHxHEIGHT".
        fit: How images of a plain folder get that shape.
        labels: Give each image its label; without, labels have length 0.

    Raises:
        DataError: Nothing usable there, images of another size, or labels missing.
    """
    target = Target(resolution=resolution, channels=channels, fit=fit)
    source = open_source(path)
    try:
        entries = list(source.entries())
        if not entries:
            raise DataError(f"{source.name}: holds no images that are read (PNG, JPEG, WebP, …)")
        plain = Path(path).is_dir() or isinstance(source, PackedSource)
        if plain and not source.prepared:
            return _open_plain(source, entries, target, labels=labels)
        square = partial(_halves if has_halves(source) else _exactly, target=target)
        dataset = Dataset(source, entries, square, labels=labels)
        _check_first(source, entries[0], target)
        return dataset
    except BaseException:
        source.close()
        raise


def _open_plain(
    source: Source, entries: Sequence[Entry], target: Target, *, labels: bool
) -> Dataset:
    """Open the images of a folder that can be decoded, with an account of the others."""
    usable: list[Entry] = []
    findings = Findings()
    with closing(ordered_map(lambda entry: _look(source, entry, target), entries)) as looks:
        for look in looks:
            findings.add(look)
            if look.problem is None:
                usable.append(look.entry)
    if not usable:
        reason, group = next(iter(findings.left_out.finish().items()))
        raise DataError(f"{source.name}: no usable image; {group.example}: {reason}")
    account = Account(
        taken=len(usable),
        left_out=findings.left_out.finish(),
        passed=source.tally().passed,
        classes=dict(Counter(entry.label for entry in usable if isinstance(entry.label, str))),
        remarks=[*(labelling([source]).remarks if labels else []), *findings.remarks()],
    )
    return Dataset(
        source,
        usable,
        lambda image: fit_picture(image, target).pixels,
        labels=labels,
        account=account,
    )


def _look(source: Source, entry: Entry, target: Target) -> Progress:
    """Decode an image once, to see whether that is possible."""
    name = entry_path(source, entry)
    try:
        with reasons(), source.open(entry) as image:
            check_channels(image, target)
            if is_deep(image.mode):  # whether the values have a range shows only in converting
                fit_picture(image, replace(target, resolution=8, fit="fit"))
            deep = image.deep_range
            return Progress(name=name, entry=entry, frames=image.frames, deep_range=deep)
    except UnusableImageError as error:
        return Progress(name=name, entry=entry, problem=str(error))


def _exactly(image: Upright, target: Target) -> Picture:
    """Return an image that has the target's form."""
    wanted = (target.size.width, target.size.height)
    if is_deep(image.mode):
        raise UnusableImageError(f"{_DEEP}; run `sgtool data prepare` on the data")
    if image.size == wanted and image.planes and len(image.planes) == target.channels:
        return np.dstack([np.asarray(plane.whole()) for plane in image.planes])
    if image.size != wanted or image.mode != MODES.get(target.channels):
        raise UnusableImageError(
            f"{image.size[0]}×{image.size[1]} {image.mode}, not {target.size} "
            f"{MODES.get(target.channels, f'{target.channels} channels')}; run "
            "`sgtool data prepare` on the data"
        )
    return np.asarray(image.whole()).reshape(*target.size.shape, target.channels)


def _halves(image: Upright, target: Target) -> Stored:
    """Return an image that has the target's form, in float16."""
    planes = image.planes or (image,)
    found = Size(image.size[1], image.size[0])
    if found != target.size or len(planes) != target.channels or image.mode != "F":
        raise UnusableImageError(
            f"{found} {image.mode}, {len(planes)} channels, not {target.size} F, "
            f"{target.channels} channels; run `sgtool data prepare` on the data"
        )
    pixels = np.dstack([np.asarray(plane.whole()) for plane in planes])
    if not (pixels.min() >= 0 and pixels.max() <= 255):
        raise UnusableImageError("damaged: values that are not from 0 to 255")
    return pixels.astype(np.float16)


def _check_first(source: Source, entry: Entry, target: Target) -> None:
    """Raise if the first image is not what is wanted, where the remedy is easy to name."""
    try:
        with reasons(), source.open(entry) as image:
            (width, height), mode, planes = image.size, image.mode, len(image.planes)
            levels = seen_levels(image)
    except UnusableImageError as error:
        raise DataError(f"{entry_path(source, entry)}: {error}") from error
    where = source.name or entry.name
    unprepared = f"run `sgtool data prepare {where} -o prepared.zip` and use that"
    found = Size(height, width)
    if not found.is_possible or found.longer < SMALLEST:
        raise DataError(f"{where}: not prepared, the first image is {found}; {unprepared}")
    if is_deep(mode) and not has_halves(source):
        low, high = levels or (0, DEEP_MAX)
        raise DataError(f"{where}: {_DEEP}; {unprepared}, with `levels={low:g},{high:g}`")
    if found != target.size:
        raise DataError(
            f"{where}: images are {found}, the recipe says {target.size}; choose "
            f"`data.resolution={found.value}`"
        )
    channels = planes or {"F": 1, **{mode: count for count, mode in MODES.items()}}.get(mode)
    if channels is None:
        raise DataError(f"{where}: not prepared, the first image has mode {mode}; {unprepared}")
    if channels != target.channels:
        raise DataError(
            f"{where}: images have {channels} channels, the recipe says "
            f"{target.channels}; choose `data.channels={channels}`"
        )
