"""`dataset.json`: the annotations of a prepared folder or zip.

Key `labels` is the field's: a list of `[name, label]`, or null. Ours beside it: `classes`,
`attributes` and `prepared` (how the images were made).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stylegan_cli.data.annotations import (
    Annotations,
    Column,
    Numbers,
    checked_labels,
    class_names,
    labels_by_entry,
)
from stylegan_cli.data.entries import Entry, Label
from stylegan_cli.errors import DataError

NAME = "dataset.json"


@dataclass(frozen=True, kw_only=True)
class DatasetIndex:
    """A `dataset.json` as read; where there is none, an empty one."""

    labels: Mapping[str, Label] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    attributes: Mapping[str, Column] = field(default_factory=dict)
    prepared: Mapping[str, Any] = field(default_factory=dict)

    def annotate(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Entries in sorted order with the labels and attributes recorded here."""
        for place, entry in enumerate(entries):
            attributes = {
                key: column.values[column.index[place]]
                for key, column in self.attributes.items()
                if place < len(column.index)
            }
            yield replace(entry, label=self.labels.get(entry.name), attributes=attributes)


def parse(text: bytes, where: str) -> DatasetIndex:
    """Read a `dataset.json`.

    Raises:
        DataError: Not JSON, or labels of a form nobody writes.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError("not an object")
        pairs = [(str(name), label) for name, label in content.get("labels") or ()]
        attributes = {
            str(key): _column(column) for key, column in (content.get("attributes") or {}).items()
        }
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(f"{where}: not a usable {NAME}: {error}; remove or repair it") from None
    prepared = content.get("prepared")
    prepared = prepared if isinstance(prepared, dict) else {}
    if not pairs:
        return DatasetIndex(attributes=attributes, prepared=prepared)
    numbers = _numbers([label for _, label in pairs], where)
    classes = class_names(numbers, content.get("classes"))
    labels = dict(zip((name for name, _ in pairs), labels_by_entry(numbers, classes), strict=True))
    return DatasetIndex(labels=labels, classes=classes, attributes=attributes, prepared=prepared)


def dump(
    annotations: Annotations, names: Sequence[str], prepared: Mapping[str, Any]
) -> Iterator[str]:
    """Pieces of a `dataset.json`, small each, for images of these names."""
    yield '{"labels": '
    if annotations.labels is None:
        yield "null"
    else:
        for place, (name, label) in enumerate(zip(names, annotations.labels, strict=True)):
            opening = "," if place else "["
            yield f"{opening}\n{json.dumps([name, label.tolist()])}"
        yield "]"
    yield f',\n"classes": {json.dumps(annotations.classes)}'
    attributes = {
        key: {"values": column.values, "index": list(column.index)}
        for key, column in annotations.attributes.items()
    }
    yield f',\n"attributes": {json.dumps(attributes)}'
    yield f',\n"prepared": {json.dumps(prepared)}}}\n'


def _column(column: Any) -> Column:
    values = tuple(str(value) for value in column["values"])
    index = [int(number) for number in column["index"]]
    if index and not 0 <= min(index) <= max(index) < len(values):
        raise ValueError("an attribute's index lies outside its values")
    return Column(values=values, index=index)


def _numbers(labels: list[Any], where: str) -> Numbers:
    try:
        raw = np.array(labels)
    except ValueError:  # rows of different lengths
        raw = np.array(labels, object)
    return checked_labels(raw, where)
