"""Labels, classes and attributes of images: by name, as a file has them, or as columns.

Columns cost megabytes for a million images; they are stored as `dataset.json` in a folder or zip
and as datasets in HDF5.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32

from stylegan_cli.data import Entry, Label, printable
from stylegan_cli.errors import DataError

MAX_CLASSES = 65_536
GREATEST = float(np.finfo(np.float32).max)
"""Magnitude that a number of a label may have."""
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
        self._words: dict[str, str] = {}  # each once, however many images have it
        self._labels: list[str] = []
        self._vectors = array("f")
        self._widths: set[int] = set()
        self._attributes: dict[str, list[str]] = {}
        self._unlabelled = 0
        self._count = 0

    def add(self, entry: Entry) -> None:
        if entry.label is None:
            self._unlabelled += 1
        elif isinstance(entry.label, str):
            self._labels.append(self._words.setdefault(entry.label, entry.label))
        else:
            self._vectors.extend(entry.label)
            self._widths.add(len(entry.label))
        for key, value in entry.attributes.items():
            self._attributes.setdefault(key, []).append(self._words.setdefault(value, value))
        self._count += 1

    def finish(self) -> Annotations:
        """Return everything collected; columns that some image lacks are left out."""
        attributes = {}
        for key, words in self._attributes.items():
            if len(words) == self._count:
                values, index = _numbered(words)
                attributes[key] = Column(values=values, index=index.tolist())
        if self._unlabelled or not self._count:
            return Annotations(attributes=attributes)
        if self._widths and (self._labels or len(self._widths) > 1):
            raise DataError("labels: class names and vectors of one length do not mix")
        if self._widths:
            vectors = np.frombuffer(self._vectors, np.float32).reshape(self._count, -1).copy()
            names = named_numbers(self._label_names, vectors.shape[1])
            return Annotations(labels=vectors, label_names=names, attributes=attributes)
        classes, numbers = _numbered(self._labels, self._known)
        return Annotations(labels=numbers, classes=classes, attributes=attributes)


def _numbered(
    words: Sequence[str], first: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return all words, given ones first, then sorted, and the place of each among them."""
    known = first + tuple(sorted(set(words) - set(first)))
    places = {word: place for place, word in enumerate(known)}
    return known, np.array([places[word] for word in words], np.int64)


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
    if raw.ndim == 2 and (whole or raw.dtype.kind == "f") and (np.abs(raw) <= GREATEST).all():
        return raw.astype(np.float32)
    raise DataError(
        f"{where}: labels are neither class numbers from 0 nor lists of numbers of one length"
    )


def labels_by_entry(numbers: Numbers | None, classes: tuple[str, ...]) -> Iterator[Label | None]:
    """Yield the labels of a file as entries carry them; without labels, None without end."""
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


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """Labels and attributes by the names that a file gives to images.

    Attributes:
        where: The file, for messages.
        classes: Names of the classes by number; empty for vectors.
        label_names: Names of the numbers of vectors; empty for classes.
        columns: Further attributes of all images, in the order of their sorted names.
        prepared: How `data prepare` made the images.
    """

    where: str
    labels: Mapping[str, Label] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    prepared: Mapping[str, Any] = field(default_factory=dict)

    def numbered(self, names: Any) -> tuple[str, ...]:
        """Return these names for the numbers of its labels, or others that fit; none of classes."""
        vector = next(iter(self.labels.values()), "")
        return named_numbers(names, len(vector)) if isinstance(vector, tuple) else ()

    @property
    def names(self) -> list[str]:
        """Return the names of images that the table knows something about."""
        return list(dict.fromkeys([*self.labels, *self.attributes]))


def label_table(
    rows: Iterable[tuple[Any, Any]], where: str, named: Sequence[Any] = ()
) -> LabelTable:
    """Make a table of rows of a name and a label: a class number, class name or vector.

    Args:
        named: Names of the classes by number, as far as they are known.
    """
    found: dict[str, int | float | str | tuple[float, ...]] = {}
    for raw, value in rows:
        name = normal_name(str(raw))
        label = _label(value, name, where)
        if label is None:
            continue
        if found.setdefault(name, label) != label:
            raise DataError(
                f"{where}: {printable(name)} is named twice, with the labels {found[name]} and "
                f"{label}; keep one of them, or write several classes of an image as a list of "
                "numbers, such as [1, 1, 0]"
            )
    if any(isinstance(label, float) for label in found.values()):
        # among fractions, a whole number is a number too, no class
        numeric = {name: label for name, label in found.items() if isinstance(label, int | float)}
        found |= {name: (float(label),) for name, label in numeric.items()}
    for name, label in found.items():
        if isinstance(label, int) and not 0 <= label < MAX_CLASSES:
            raise _no_label(label, name, where)
    _check_one_kind(found, where)
    known = tuple(dict.fromkeys(map(str, named)))
    words = {label for label in found.values() if isinstance(label, str)}
    numbers = [label for label in found.values() if isinstance(label, int)]
    classes = known + tuple(sorted(words - set(known)))
    if numbers:
        classes = known + tuple(str(number) for number in range(len(known), max(numbers) + 1))
    labels: dict[str, Label] = {
        name: classes[label] if isinstance(label, int) else label
        for name, label in found.items()
        if not isinstance(label, float)
    }
    table = LabelTable(where=where, labels=labels, classes=classes if words or numbers else ())
    return replace(table, label_names=table.numbered(()))


def normal_name(name: str) -> str:
    """Return a name as sources spell it: forward slashes, composed letters, no `./` in front."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return re.sub(r"^(\./+)+", "", name)


def _label(value: Any, name: str, where: str) -> int | float | str | tuple[float, ...] | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) or _is_number(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, list) and value and all(map(_is_number, value)):
        return tuple(map(float, value))
    raise _no_label(value, name, where)


def _no_label(value: Any, name: str, where: str) -> DataError:
    return DataError(
        f"{where}: the label {str(value)[:40]} of {printable(name)} is neither a class number from "
        f"0 to {MAX_CLASSES - 1}, nor a class name, nor a number of float32 or a list of them"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= GREATEST


def _check_one_kind(found: Mapping[str, Any], where: str) -> None:
    first: dict[Any, tuple[str, Any]] = {}
    for name, label in found.items():
        kind = len(label) if isinstance(label, tuple) else type(label)
        first.setdefault(kind, (name, label))
    if len(first) > 1:
        (one, label), (two, other) = islice(first.values(), 2)
        raise DataError(
            f"{where}: labels of different kinds, {label!r} for {printable(one)} and {other!r} for "
            f"{printable(two)}; use class numbers, class names, or lists of one length throughout"
        )
