"""Surveys of data sets: counts, sizes, labels, brightness and duplicates."""

from array import array
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stylegan_cli.data import Entry, Group, Source, printable
from stylegan_cli.data.account import Findings, Progress, labelling, remarks_on_range, wider
from stylegan_cli.data.decoding import Levels, Upright, reasons
from stylegan_cli.data.duplicates import (
    Pairs,
    checksum,
    difference_hash,
    exact_pairs,
    near_pairs,
)
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.labels import column_ranges
from stylegan_cli.data.levels import has_halves, seen_levels
from stylegan_cli.data.pictures import flatten
from stylegan_cli.runtime import ordered_map

Sums = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

EXAMPLES = 5
SIZES_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Examined(Progress):
    """Facts about one image; empty if there is a problem.

    Attributes:
        exact: Checksum of the pixels.
        rough: Bits that differ little between pictures that look the same.
        sums: Pixel count, and sums and squared sums of each channel, as in `SurveyReport.mean`.
        format: Pillow's name of the file's format; empty for arrays.
        unranged: Least and greatest value of pixels that have no agreed range.
    """

    size: tuple[int, int] = (0, 0)
    channels: int = 0
    exact: int = 0
    rough: bytes = b""
    sums: Sums = field(default_factory=lambda: np.zeros(7))
    format: str = ""
    unranged: Levels | None = None


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Images that repeat an earlier one, with the names of some, the earlier one first."""

    count: int
    examples: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class SurveyReport:
    """Survey of a data set, ready for JSON.

    Attributes:
        ignored: Files of other kinds that lie between the images, by reason in `passed`.
        sizes: Most common `width×height`, with their counts.
        formats: Counts of Pillow's names of the files' formats.
        channels: Counts of grey (1), RGB (3) and RGBA (4) images, and of stacks.
        labels: Count of every class; vectors count as one.
        label_columns: Least, mean and greatest value of each number of vectors, by its name.
        attributes: Count of every value of every attribute.
        exact_duplicates: Images with the same pixels as an earlier one.
        near_duplicates: Images that only look like an earlier one.
        mean, std: Of R, G, B on white, from 0 to 255; of stacks and of pixels without an agreed
            range, those of each channel as stored. Of images of as many channels as most have.
        prepared: How `data prepare` made them.
        remarks: Further things the user should know, a sentence each.
    """

    images: int
    broken: list[dict[str, str]]
    ignored: int
    passed: Mapping[str, Group]
    sizes: dict[str, int]
    channels: dict[str, int]
    formats: dict[str, int]
    labels: dict[str, int]
    label_columns: dict[str, tuple[float, float, float]]
    unlabelled: int
    attributes: dict[str, dict[str, int]]
    exact_duplicates: Duplicates
    near_duplicates: Duplicates
    mean: list[float]
    std: list[float]
    prepared: Mapping[str, Any]
    remarks: list[str]


def examine(source: Source, *, workers: int | None = None) -> Generator[Examined, None, None]:
    """Yield facts about every image of a source, in order."""
    return ordered_map(lambda entry: _examined(source, entry), source.entries(), workers=workers)


class Survey:
    """Collector of what `examine` yields; a million images cost 40 MB, 200 at the report."""

    def __init__(self) -> None:
        self._broken: list[dict[str, str]] = []
        self._sizes: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()
        self._formats: Counter[str] = Counter()
        self._findings = Findings()
        self._unranged: Levels | None = None
        self._labels: Counter[str] = Counter()
        self._vectors = array("f")
        self._attributes: dict[str, Counter[str]] = {}
        self._exact = array("Q")
        self._rough = bytearray()
        self._places = array("q")
        self._seen = 0
        self._unlabelled = 0
        self._sums: dict[int, Sums] = {}

    def add(self, image: Examined) -> None:
        place, self._seen = self._seen, self._seen + 1
        self._findings.add(image)
        if image.problem is not None:
            self._broken.append({"name": image.name, "reason": image.problem})
            return
        self._places.append(place)
        self._exact.append(image.exact)
        self._rough.extend(image.rough)
        self._sizes[f"{image.size[0]}×{image.size[1]}"] += 1
        self._channels[str(image.channels)] += 1
        if image.format:
            self._formats[image.format] += 1
        self._unranged = wider(self._unranged, image.unranged)
        count = len(image.sums) // 2
        self._sums[count] = self._sums.get(count, 0) + image.sums
        label = image.entry.label
        if label is None:
            self._unlabelled += 1
        elif isinstance(label, str):
            self._labels[printable(label)] += 1
        else:
            self._labels[f"vector of {len(label)}"] += 1
            self._vectors.extend(label)
        for key, value in image.entry.attributes.items():
            self._attributes.setdefault(key, Counter())[value] += 1

    def report(self, source: Source) -> SurveyReport:
        """Return the survey of everything added, all of it from this source."""
        tally = source.tally()
        exact = np.frombuffer(self._exact, np.uint64)
        copies = exact_pairs(exact)
        originals = np.delete(np.arange(len(exact)), copies[:, 1])
        rough = np.frombuffer(self._rough, np.uint8).reshape(len(exact), 24)[originals]
        places = np.frombuffer(self._places, np.int64)
        sums = max(self._sums.values(), key=lambda sums: sums[0], default=np.zeros(7))
        unranged = None if has_halves(source) else self._unranged
        mean, squares = sums[1:].reshape(2, -1) / max(1, sums[0])
        return SurveyReport(
            images=len(self._exact),
            broken=self._broken,
            ignored=tally.ignored,
            passed=tally.passed,
            sizes=dict(self._sizes.most_common(SIZES_LISTED)),
            channels=dict(sorted(self._channels.items())),
            formats=dict(self._formats.most_common()),
            labels=dict(sorted(self._labels.items())),
            label_columns=column_ranges(self._vectors, source.label_names),
            unlabelled=self._unlabelled,
            attributes={key: dict(sorted(n.items())) for key, n in self._attributes.items()},
            exact_duplicates=_duplicates(copies, places, source),
            near_duplicates=_duplicates(near_pairs(rough), places[originals], source),
            mean=[float(f"{value:.5g}") for value in mean],
            std=[float(f"{value:.5g}") for value in np.sqrt((squares - mean**2).clip(0))],
            prepared=dict(source.prepared),
            remarks=[
                *labelling([source]).remarks,
                *(remarks_on_range(unranged) if unranged else ()),
                *self._findings.remarks(),
            ],
        )


def _examined(source: Source, entry: Entry) -> Examined:
    name = printable(entry.name)
    try:
        with reasons(), source.open(entry) as image:
            unranged = seen_levels(image) is not None
            return Examined(
                name=name,
                entry=entry,
                size=image.size,
                channels=image.channels,
                format=image.format,
                frames=image.frames,
                deep_range=None if unranged else image.deep_range,
                unranged=image.deep_range if unranged else None,
                exact=checksum(image),
                rough=difference_hash(image),
                sums=_moments(image),
            )
    except UnusableImageError as error:
        return Examined(name=name, entry=entry, problem=printable(str(error)))


def _moments(image: Upright) -> Sums:
    if planes := image.stack or (seen_levels(image) and (image,)):
        stored = [_moments_of_plane(plane) for plane in planes]
        return np.concatenate([stored[0][:1], *np.transpose([sums[1:] for sums in stored])])
    totals = np.zeros(7)
    values = np.arange(256)
    for band in image.bands():
        colours = flatten(band, 3, "white")
        counts = np.array(colours.histogram()).reshape(3, 256)
        totals += [counts[0].sum(), *(counts @ values), *(counts @ values**2)]
    return totals


def _moments_of_plane(plane: Upright) -> Sums:
    bands = (np.asarray(band, np.float64) for band in plane.bands())
    return sum((np.array([b.size, b.sum(), np.square(b).sum()]) for b in bands), np.zeros(3))


def _duplicates(pairs: Pairs, places: Places, source: Source) -> Duplicates:
    """Return pairs by name; `places` maps rows to entries of the source."""
    shown = places[pairs[:EXAMPLES]].tolist()
    wanted = {place for pair in shown for place in pair}
    entries = enumerate(source.entries() if wanted else ())
    names = {place: printable(entry.name) for place, entry in entries if place in wanted}
    return Duplicates(
        count=len(pairs), examples=[[names[place] for place in pair] for pair in shown]
    )
