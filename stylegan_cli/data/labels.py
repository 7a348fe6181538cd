"""Labels by the names of images, read from a file and matched to the images there are."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from math import isfinite
from pathlib import PurePosixPath
from typing import Any

from stylegan_cli.data.annotations import MAX_CLASSES, Column, named_numbers
from stylegan_cli.data.entries import Entry, Label, printable
from stylegan_cli.errors import DataError

Key = Callable[[str], str]


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
        """Names of images that the table knows something about."""
        return list(dict.fromkeys([*self.labels, *self.attributes]))


@dataclass(frozen=True, kw_only=True)
class Matching:
    """A table matched to images, with remarks on what did not match as written.

    Attributes:
        names: Names of the table by those of the images.
    """

    table: LabelTable
    names: Mapping[str, str]
    remarks: list[str]

    def annotate(self, entry: Entry) -> Entry:
        """Return an entry with the label and attributes that the table gives it.

        Without labels in the table, it keeps that of its sub-folder.
        """
        name = self.names.get(entry.name, "")
        attributes = {**entry.attributes, **self.table.attributes.get(name, {})}
        label = self.table.labels.get(name) if self.table.labels else entry.label
        return replace(entry, label=label, attributes=attributes)

    def annotated(self, entries: Sequence[Entry]) -> Iterator[Entry]:
        """Yield all entries, in sorted order, with what the table knows of them."""
        fitting = not _misfits(self.table, len(entries))
        columns = self.table.columns if fitting else {}
        for place, entry in enumerate(map(self.annotate, entries)):
            known = {key: column.values[column.index[place]] for key, column in columns.items()}
            yield replace(entry, attributes={**entry.attributes, **known}) if known else entry


def _misfits(table: LabelTable, images: int) -> list[int]:
    """Return the lengths of columns that are not those of so many images."""
    return [len(each.index) for each in table.columns.values() if len(each.index) != images]


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


def json_rows(labels: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and labels of a list of pairs, an object or null.

    Raises:
        ValueError: Neither; shows a line of the right form.
    """
    form = '"labels" is a list of lines such as ["cat/0.png", 0]'
    if isinstance(labels, dict):
        labels = list(labels.items())
    if not isinstance(labels, list | None):
        raise ValueError(form)
    for row in labels or ():
        if not isinstance(row, list | tuple) or len(row) != 2 or not isinstance(row[0], str):
            raise ValueError(f"{form}; found {json.dumps(row)[:60]}")
        yield row[0], row[1]


def match(table: LabelTable, names: Sequence[str]) -> Matching:
    """Find the images that a table's names mean.

    Names are compared as written, then without regard to case, to suffix and to leading folders,
    as far as that is unambiguous; the first way that finds most images is taken.
    """
    best: dict[str, str] = {}
    how = ""
    for words, key in _ways():
        meant = _unambiguous(table, key)
        keys = [key(name) for name in names]
        if meant is None or (words and len(set(keys)) < len(keys)):
            continue
        found = {
            name: meant[wanted] for name, wanted in zip(names, keys, strict=True) if wanted in meant
        }
        if len(found) > len(best):
            best, how = found, words
        if len(best) == len(names):
            break
    remarks = list(_remarks(table, names, best, how))
    return Matching(table=table, names=best, remarks=remarks)


def normal_name(name: str) -> str:
    """Return a name as sources spell it: forward slashes, composed letters, no `./` in front."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return re.sub(r"^(\./+)+", "", name)


def _ways() -> Iterator[tuple[str, Key]]:
    yield "", normal_name
    yield "without regard to case", lambda name: normal_name(name).casefold()
    yield "without their suffixes", partial(_tail, parts=99, suffix=False)
    for parts in (4, 3, 2, 1):
        for suffix in (True, False):
            ending = "" if suffix else ", without suffixes"
            last = f"last {parts} parts" if parts > 1 else "last part"
            yield f"by their {last}{ending}", partial(_tail, parts=parts, suffix=suffix)


def _tail(name: str, *, parts: int, suffix: bool) -> str:
    path = PurePosixPath(normal_name(name).casefold())
    # a path without a name, such as ".", cannot take another suffix
    return "/".join((path if suffix or not path.name else path.with_suffix("")).parts[-parts:])


def _unambiguous(table: LabelTable, key: Key) -> dict[str, str] | None:
    """Names of a table by their keys; None where one key stands for different labels."""
    found: dict[str, str] = {}
    for name in table.names:
        other = found.setdefault(key(name), name)
        if other != name and table.labels.get(other) != table.labels.get(name):
            return None
    return found


def _remarks(
    table: LabelTable, names: Sequence[str], found: Mapping[str, str], how: str
) -> Iterator[str]:
    if misfits := _misfits(table, len(names)):
        yield (
            f"{table.where}: its attributes are those of {max(misfits)} images, and {len(names)} "
            "are here; they are left out"
        )
    known = table.names
    if not known or not names:
        return
    if not found:
        yield (
            f"{table.where}: none of its {len(known)} names is that of an image here; the first "
            f"is {printable(known[0])}, the first image is {printable(names[0])}"
        )
        return
    if how:
        image, name = next(iter(found.items()))
        yield (
            f"{table.where}: names matched {how}, so {printable(name)} is taken for "
            f"{printable(image)}"
        )
    used = set(found.values())
    unused = [name for name in known if name not in used]
    if unused:
        yield (
            f"{table.where}: {len(unused)} of its {len(known)} names are those of no image here, "
            f"such as {printable(unused[0])}"
        )


def _label(value: Any, name: str, where: str) -> int | float | str | tuple[float, ...] | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) or _is_finite(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, list) and value and all(map(_is_finite, value)):
        return tuple(map(float, value))
    raise _no_label(value, name, where)


def _no_label(value: Any, name: str, where: str) -> DataError:
    return DataError(
        f"{where}: the label {str(value)[:40]} of {printable(name)} is neither a class number from "
        f"0 to {MAX_CLASSES - 1}, nor a class name, nor a number or a list of them"
    )


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and isfinite(value)
    except OverflowError:
        return False


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
