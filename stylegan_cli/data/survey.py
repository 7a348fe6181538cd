"""What is in a data set: counts, sizes, labels, duplicates, brightness."""

from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylegan_cli.data.duplicates import (
    Pairs,
    checksum,
    difference_hash,
    exact_pairs,
    near_pairs,
)
from stylegan_cli.data.entries import Entry, Source, printable
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.pictures import UnusableImageError, flatten, reasons

Sums = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

AHEAD_PER_WORKER = 4
EXAMPLES = 5
SIZES_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Examined:
    """One image, looked at.

    Attributes:
        problem: Why it cannot be used; the rest is empty then.
        exact: Checksum of the pixels.
        rough: Bits that differ little between pictures that look the same.
        sums: Pixel count, and sums and squared sums of R, G, B on white.
    """

    entry: Entry
    problem: str | None = None
    size: tuple[int, int] = (0, 0)
    channels: int = 0
    exact: int = 0
    rough: bytes = b""
    sums: Sums = field(default_factory=lambda: np.zeros(7))


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Images that repeat an earlier one, and the names of some, behind the earlier one."""

    count: int
    examples: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The survey of a data set, ready for JSON.

    Attributes:
        ignored: Files of other kinds that lie between the images.
        sizes: Most common `width×height`, with their counts.
        channels: Counts of grey (1), RGB (3) and RGBA (4) images.
        labels: Count of every class; vectors count as one.
        attributes: Count of every value of every attribute.
        exact_duplicates: Images with the same pixels as an earlier one.
        near_duplicates: Images that only look like an earlier one.
        mean, std: Of R, G, B on white, from 0 to 255.
        prepared: How `data prepare` made them.
    """

    images: int
    broken: list[dict[str, str]]
    ignored: int
    sizes: dict[str, int]
    channels: dict[str, int]
    labels: dict[str, int]
    unlabelled: int
    attributes: dict[str, dict[str, int]]
    exact_duplicates: Duplicates
    near_duplicates: Duplicates
    mean: list[float]
    std: list[float]
    prepared: Mapping[str, Any]


def examine(source: Source, *, workers: int | None = None) -> Generator[Examined, None, None]:
    """Every image of a source, looked at, in order."""
    workers = workers or usual_workers()
    return ordered_map(
        lambda entry: _examined(source, entry),
        source.entries(),
        workers=workers,
        ahead=AHEAD_PER_WORKER * workers,
    )


class Survey:
    """Collects what `examine` yields; a million images cost 40 MB, 200 at the report."""

    def __init__(self) -> None:
        self._broken: list[dict[str, str]] = []
        self._sizes: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._attributes: dict[str, Counter[str]] = {}
        self._exact = array("Q")
        self._rough = bytearray()
        self._places = array("q")
        self._seen = 0
        self._unlabelled = 0
        self._sums = np.zeros(7)

    def add(self, image: Examined) -> None:
        place, self._seen = self._seen, self._seen + 1
        if image.problem is not None:
            name = printable(image.entry.name)
            self._broken.append({"name": name, "reason": image.problem})
            return
        self._places.append(place)
        self._exact.append(image.exact)
        self._rough.extend(image.rough)
        self._sizes[f"{image.size[0]}×{image.size[1]}"] += 1
        self._channels[str(image.channels)] += 1
        self._sums += image.sums
        self._count_words(image.entry)

    def report(self, source: Source) -> Report:
        """The survey of everything added, all of it from this source."""
        exact = np.frombuffer(self._exact, np.uint64)
        copies = exact_pairs(exact)
        originals = np.delete(np.arange(len(exact)), copies[:, 1])
        rough = np.frombuffer(self._rough, np.uint8).reshape(len(exact), 24)[originals]
        places = np.frombuffer(self._places, np.int64)
        mean = self._sums[1:4] / max(1, self._sums[0])
        variance = self._sums[4:7] / max(1, self._sums[0]) - mean**2
        return Report(
            images=len(self._exact),
            broken=self._broken,
            ignored=source.tally().ignored,
            sizes=dict(self._sizes.most_common(SIZES_LISTED)),
            channels=dict(sorted(self._channels.items())),
            labels=dict(sorted(self._labels.items())),
            unlabelled=self._unlabelled,
            attributes={key: dict(sorted(n.items())) for key, n in self._attributes.items()},
            exact_duplicates=_duplicates(copies, places, source),
            near_duplicates=_duplicates(near_pairs(rough), places[originals], source),
            mean=[round(float(value), 2) for value in mean],
            std=[round(float(value), 2) for value in np.sqrt(variance.clip(0))],
            prepared=source.prepared,
        )

    def _count_words(self, entry: Entry) -> None:
        if entry.label is None:
            self._unlabelled += 1
        elif isinstance(entry.label, str):
            self._labels[printable(entry.label)] += 1
        else:
            self._labels[f"vector of {len(entry.label)}"] += 1
        for key, value in entry.attributes.items():
            self._attributes.setdefault(key, Counter())[value] += 1


def _examined(source: Source, entry: Entry) -> Examined:
    try:
        with reasons():
            image = source.open(entry)
            colours = flatten(image, 3, "white")
    except UnusableImageError as error:
        return Examined(entry=entry, problem=printable(str(error)))
    return Examined(
        entry=entry,
        size=image.size,
        channels=_channels(image),
        exact=checksum(image),
        rough=difference_hash(colours),
        sums=_moments(colours),
    )


def _channels(image: Image.Image) -> int:
    if image.has_transparency_data:
        return 4
    return 1 if image.mode == "1" or image.mode[0] in "LI" else 3


def _moments(colours: Image.Image) -> Sums:
    values = np.asarray(colours).reshape(-1, 3).astype(np.float64)
    return np.concatenate([[len(values)], values.sum(0), (values**2).sum(0)])


def _duplicates(pairs: Pairs, places: Places, source: Source) -> Duplicates:
    """Pairs in words; `places` says which entry of the source a row belongs to."""
    shown = places[pairs[:EXAMPLES]].tolist()
    names = dict(_names(source, {place for pair in shown for place in pair}))
    return Duplicates(
        count=len(pairs), examples=[[names[place] for place in pair] for pair in shown]
    )


def _names(source: Source, places: set[int]) -> Iterator[tuple[int, str]]:
    for place, entry in enumerate(source.entries() if places else ()):
        if place in places:
            yield place, printable(entry.name)
