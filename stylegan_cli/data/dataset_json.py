"""`dataset.json`: the annotations of a prepared folder or zip.

Key `labels` is the field's: a list of `[name, label]`, or null. Ours beside it: `classes`,
`label_names` (of the numbers of a label), `attributes` and `prepared` (how the images were made).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stylegan_cli.data.annotations import Annotations, Column
from stylegan_cli.data.entries import Entry, is_image
from stylegan_cli.data.labels import LabelTable, Matching, json_rows, label_table, match
from stylegan_cli.errors import DataError

NAME = "dataset.json"


@dataclass(frozen=True, kw_only=True)
class DatasetIndex:
    """A `dataset.json` as read."""

    table: LabelTable
    attributes: Mapping[str, Column] = field(default_factory=dict)
    prepared: Mapping[str, Any] = field(default_factory=dict)

    def match(self, names: Sequence[str]) -> Matching:
        """Find the images that the labels mean, with remarks on attributes as well."""
        found = match(self.table, names)
        if self.attributes and not self._fits(len(names)):
            counts = {len(column.index) for column in self.attributes.values()}
            found.remarks.append(
                f"{self.table.where}: its attributes are those of {max(counts)} images, and "
                f"{len(names)} are here; they are left out"
            )
        return found

    def annotate(self, entries: Sequence[Entry], matching: Matching) -> Iterator[Entry]:
        """Yield entries in sorted order with the labels and attributes recorded here.

        Without labels in the file, entries keep those of their sub-folders.
        """
        columns = self.attributes if self._fits(len(entries)) else {}
        for place, entry in enumerate(entries):
            attributes = {
                key: column.values[column.index[place]] for key, column in columns.items()
            }
            annotated = matching.annotate(entry, self.table)
            yield replace(annotated, attributes={**annotated.attributes, **attributes})

    def _fits(self, images: int) -> bool:
        return all(len(column.index) == images for column in self.attributes.values())


def parse(text: bytes, where: str) -> DatasetIndex:
    """Read a `dataset.json`.

    Raises:
        DataError: Not JSON, or labels of a form nobody writes.
    """
    try:
        content = json.loads(text.decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("not an object")
        # some write image: label at the top
        bare = {name: label for name, label in content.items() if is_image(name)}
        rows = list(json_rows(content.get("labels", bare)))
        attributes = {
            str(key): _column(column) for key, column in (content.get("attributes") or {}).items()
        }
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(f"{where}: not a usable {NAME}: {error}; remove or repair it") from None
    prepared = content.get("prepared")
    named = content.get("classes")
    table = label_table(rows, where, named if isinstance(named, list) else ())
    return DatasetIndex(
        table=replace(table, label_names=table.numbered(content.get("label_names"))),
        attributes=attributes,
        prepared=prepared if isinstance(prepared, dict) else {},
    )


def dump(
    annotations: Annotations, names: Sequence[str], prepared: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a `dataset.json` for images of these names in small pieces."""
    yield '{"labels": '
    if annotations.labels is None:
        yield "null"
    else:
        for place, (name, label) in enumerate(zip(names, annotations.labels, strict=True)):
            opening = "," if place else "["
            yield f"{opening}\n{json.dumps([name, label.tolist()])}"
        yield "]"
    yield f',\n"classes": {json.dumps(annotations.classes)}'
    if annotations.label_names:
        yield f',\n"label_names": {json.dumps(annotations.label_names)}'
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
