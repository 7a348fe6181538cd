"""Labels, classes and attributes of the images of a data set.

Kept as plain columns, so that a million images cost megabytes; stored as `dataset.json` in a
folder or zip and as datasets in HDF5.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32

from stylegan_cli.data.entries import Entry, Label
from stylegan_cli.errors import DataError

MAX_CLASSES = 65_536
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One attribute of every image: `values[index[i]]` is that of image i."""

    values: tuple[str, ...]
    index: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Columns over all images of a data set.

    Attributes:
        labels: Class numbers `[n]`, or vectors `[n, c_dim]`; None unless every image has one.
        classes: Class names by number; empty for vectors.
        label_names: Names of the numbers of a vector; empty for classes.
    """

    labels: Numbers | None = None
    classes: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    attributes: Mapping[str, Column] = field(default_factory=dict)


class AnnotationColumns:
    """Collector of the annotations of images that come one by one.

    Args:
        classes: Names whose numbers are fixed beforehand; others follow in sorted order.
        label_names: Names of the numbers of vectors; their places if not given.
    """

    def __init__(self, classes: Sequence[str] = (), label_names: Sequence[str] = ()) -> None:
        self._known = tuple(dict.fromkeys(classes))
        self._label_names = tuple(label_names)
        self._labels = _Vocabulary()
        self._vectors = array("f")
        self._widths: set[int] = set()
        self._attributes: dict[str, _Vocabulary] = {}
        self._unlabelled = 0
        self._count = 0

    def add(self, entry: Entry) -> None:
        self._add_label(entry.label)
        for key, value in entry.attributes.items():
            self._attributes.setdefault(key, _Vocabulary()).add(value)
        self._count += 1

    def _add_label(self, label: Label | None) -> None:
        if label is None:
            self._unlabelled += 1
        elif isinstance(label, str):
            self._labels.add(label)
        else:
            self._vectors.extend(label)
            self._widths.add(len(label))

    def finish(self) -> Annotations:
        """Return everything collected; columns that some image lacks are left out."""
        attributes = {
            key: words.column()
            for key, words in self._attributes.items()
            if len(words) == self._count
        }
        if self._unlabelled or not self._count:
            return Annotations(attributes=attributes)
        if self._widths and (len(self._labels) or len(self._widths) > 1):
            raise DataError("labels: class names and vectors of one length do not mix")
        if self._widths:
            vectors = np.frombuffer(self._vectors, np.float32).reshape(self._count, -1).copy()
            names = named_numbers(self._label_names, vectors.shape[1])
            return Annotations(labels=vectors, label_names=names, attributes=attributes)
        classes, numbers = self._labels.sorted(self._known)
        return Annotations(labels=numbers, classes=classes, attributes=attributes)


class _Vocabulary:
    """Words as numbers, in the order of their first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._index = array("i")

    def __len__(self) -> int:
        return len(self._index)

    def add(self, word: str) -> None:
        self._index.append(self._numbers.setdefault(word, len(self._numbers)))

    def column(self) -> Column:
        values, index = self.sorted()
        return Column(values=values, index=index.tolist())

    def sorted(self, first: tuple[str, ...] = ()) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
        """Return all words, given ones first, then sorted, and the place of each entry's word."""
        words = first + tuple(sorted(set(self._numbers) - set(first)))
        places = {word: place for place, word in enumerate(words)}
        table = np.array([places[word] for word in self._numbers], np.int64)
        return words, table[np.frombuffer(self._index, np.int32)]


def label_row(labels: Numbers, index: int, c_dim: int) -> Float32[np.ndarray, " c_dim"]:
    """Return the label of one image as the networks take it: one-hot for class numbers."""
    if labels.ndim == 2:
        vector: npt.NDArray[np.float32] = labels[index].astype(np.float32)
        return vector
    row = np.zeros(c_dim, np.float32)
    row[labels[index]] = 1
    return row


def checked_labels(raw: npt.NDArray[Any], where: str) -> Numbers:
    """Return labels read from a file as class numbers or finite vectors."""
    if raw.ndim == 1 and raw.dtype.kind == "f" and np.isfinite(raw).all():
        fractions = (raw != np.rint(raw)).any() or (np.abs(raw) >= MAX_CLASSES).any()
        raw = raw[:, None] if fractions else raw.astype(np.int64)
    whole = raw.dtype.kind in "iu"
    if raw.ndim == 1 and whole and not (raw < 0).any() and not (raw >= MAX_CLASSES).any():
        return raw.astype(np.int64)
    if raw.ndim == 2 and (whole or raw.dtype.kind == "f") and np.isfinite(raw).all():
        return raw.astype(np.float32)
    raise DataError(
        f"{where}: labels are neither class numbers from 0 nor lists of numbers of one length"
    )


def labels_by_entry(numbers: Numbers | None, classes: tuple[str, ...]) -> Iterator[Label | None]:
    """Yield the labels of a file in the form entries carry them; without labels, no end of None."""
    if numbers is None:
        yield from repeat(None)
    elif numbers.ndim == 2:
        yield from (tuple(float(value) for value in row) for row in numbers)
    else:
        yield from (classes[number] for number in numbers)


def named_numbers(names: Any, count: int) -> tuple[str, ...]:
    """Return names for the numbers of a label: those given if there are as many, or the places."""
    if isinstance(names, list | tuple) and len(set(map(str, names))) == count:
        return tuple(map(str, names))
    return tuple(map(str, range(count)))


def column_ranges(
    vectors: Numbers | Sequence[float], names: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """Return least, mean and greatest value of each number of some labels, by its name."""
    if not names or not len(vectors):
        return {}
    rows = np.asarray(vectors, np.float64).reshape(-1, len(names))
    columns = np.stack([rows.min(0), rows.mean(0), rows.max(0)], 1).tolist()
    return {name: (low, mean, high) for name, (low, mean, high) in zip(names, columns, strict=True)}


def class_names(numbers: Numbers | None, named: Any = ()) -> tuple[str, ...]:
    """Return names for class numbers: those given, as far as they go, then the numbers."""
    if numbers is None or numbers.ndim == 2:
        return ()
    count = int(numbers.max()) + 1 if numbers.size else 0
    given = [str(name) for name in named] if isinstance(named, list | tuple) else []
    return tuple(given) + tuple(str(number) for number in range(len(given), count))
