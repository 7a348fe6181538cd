"""Files of labels beside the images: `dataset.json`, other JSON, CSV, or columns between blanks.

Key `labels` of `dataset.json` is the field's: a list of `[name, label]`, or null. Ours beside it:
`classes`, `label_names` (of the numbers of a label), `attributes` and `prepared` (how the images
were made).
"""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from stylegan_cli.data import Label, is_image, printable
from stylegan_cli.data.labels import Column, LabelTable, label_table, normal_name
from stylegan_cli.errors import DataError
from stylegan_cli.texts import read_bounded, text_of

MAX_BYTES = 2**30
NO_LABELS = "holds no labels; write a line NAME,LABEL for each image"
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_DAMAGE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
_MISSING = {"", "nan", "inf", "-inf", "+inf"}
DATASET_JSON = "dataset.json"
METADATA = ("metadata.csv", "metadata.jsonl")
LABEL_COLUMNS = ("label", "labels", "class")
NAME_COLUMNS = ("name", "file", "filename", "file_name", "image", "image_id", "path", "img", "id")


def read_labels(path: Path) -> LabelTable:
    """Read a table of labels from a JSON or CSV file.

    JSON is `{"labels": [[NAME, LABEL], …]}`, a list of such pairs, or `{NAME: LABEL, …}`. CSV is
    `NAME,LABEL` a line, or has a header, whose column `label` or `class` is the label and whose
    other columns are attributes. JSON lines (.jsonl) are objects with such columns for keys.

    Raises:
        DataError: It cannot be read, is in no such form, or names no image.
    """
    table = _parse(read_bounded(path, MAX_BYTES), str(path))
    if not table.names:
        raise DataError(f"{path}: {NO_LABELS}")
    return table


def find_labels(
    names: Collection[str], read: Callable[[str], bytes], where: str
) -> tuple[LabelTable | None, list[str]]:
    """Return what the files of a source say of its images, and which files say it.

    That is its `dataset.json`, or else `metadata.csv` and `metadata.jsonl` there and one folder
    down, as Hugging Face's folders of images have them.

    Args:
        names: Paths of files within the source.
        read: Reads one of them.
    """
    if DATASET_JSON in names:
        return parse_json(read(DATASET_JSON), f"{where}/{DATASET_JSON}", own=True), [DATASET_JSON]
    found = sorted(
        name for name in names if PurePosixPath(name).name in METADATA and name.count("/") < 2
    )
    tables = {name: _parse(read(name), f"{where}/{name}") for name in found}
    return (_merged(tables, where) if tables else None), found


def as_text(content: bytes, where: str) -> str:
    """Decode a list of labels or paths."""
    try:
        text = text_of(content)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(
            f"{where}: not text in UTF-8; save it as that, a spreadsheet as CSV in UTF-8"
        )
    return text


def _parse(content: bytes, where: str) -> LabelTable:
    text = as_text(content, where)
    if where.lower().endswith(".json"):
        return parse_json(text, where)
    if where.lower().endswith(".jsonl"):
        return _json_lines_table(text, where)
    return _csv_table(text, where)


def _merged(tables: Mapping[str, LabelTable], where: str) -> LabelTable:
    """Return tables as one, each of which names images beside itself."""
    labels: dict[str, Label] = {}
    attributes: dict[str, Mapping[str, str]] = {}
    classes: list[str] = []
    for path, table in tables.items():
        beside = path[: path.rfind("/") + 1]
        labels |= {beside + name: label for name, label in table.labels.items()}
        attributes |= {beside + name: known for name, known in table.attributes.items()}
        classes += table.classes
    whole = LabelTable(
        where=next(iter(tables.values())).where if len(tables) == 1 else where,
        labels=labels,
        attributes=attributes,
        classes=tuple(dict.fromkeys(classes)),
    )
    return replace(whole, label_names=whole.numbered(()))


def _json_lines_table(text: str, where: str) -> LabelTable:
    rows, attributes, number = [], {}, 0
    try:
        for line in text.split("\n"):
            number += 1
            if not line.strip():
                continue
            known = json.loads(line)
            keys = known if isinstance(known, dict) else ()
            name = next((str(known[key]) for key in NAME_COLUMNS if key in keys), None)
            if name is None:
                raise ValueError(f"a line without file_name: {line[:60]}")
            label = next((key for key in LABEL_COLUMNS if key in known), None)
            rows += [(name, known[label])] if label else []
            attributes[normal_name(str(name))] = {
                str(key): str(value)
                for key, value in known.items()
                if key != label and str(value) != name and isinstance(value, str | int | float)
            }
    except _DAMAGE as error:
        raise DataError(
            f"{where}: not a list of images, one JSON object a line; line {number}: {error}"
        ) from None
    return replace(label_table(rows, where), attributes=attributes)


def parse_json(content: str | bytes, where: str, *, own: bool = False) -> LabelTable:
    """Read JSON of labels.

    Args:
        own: It is a `dataset.json`, whose attributes belong to all images in sorted order.
    """
    try:
        known = json.loads(content)
        if own and not isinstance(known, dict):
            raise ValueError('not an object such as {"labels": [["cat/0.png", 0]]}')
        labels = known.get("labels") if isinstance(known, dict) else None
        described = own or isinstance(labels, list | dict)
        # some write image: label at the top
        bare = {name: label for name, label in known.items() if is_image(name)} if own else known
        rows = list(_json_rows(known.get("labels", bare) if described else known))
        columns = (known.get("attributes") or {}) if own else {}
        columns = {str(key): _column(column) for key, column in columns.items()}
    except _DAMAGE as error:
        words = f"{where}: not a usable list of labels: {error}; repair it or move it away"
        raise DataError(words) from None
    facts = known if described else {}
    named, prepared = facts.get("classes"), facts.get("prepared")
    table = label_table(rows, where, named if isinstance(named, list) else ())
    if not own:
        return table
    return replace(
        table,
        label_names=table.numbered(facts.get("label_names")),
        columns=columns,
        prepared=prepared if isinstance(prepared, dict) else {},
    )


def _json_rows(labels: Any) -> Iterator[tuple[Any, Any]]:
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


def _csv_table(text: str, where: str) -> LabelTable:
    text = re.sub(r"\Asep=.\r?\n", "", text)  # a line for Excel
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in "\t,;" if mark in first), None)
    try:
        lines = (
            csv.reader(StringIO(text, newline=""), delimiter=mark)
            if mark
            else map(str.split, text.splitlines())
        )
        rows = [row for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{where}: not a table ({error})") from None
    if not rows:
        raise DataError(f"{where}: {NO_LABELS}")
    if len(rows) > 2 and len(rows[0]) == 1 and len(rows[1]) == len(rows[2]) - 1:
        rows = [["name", *rows[1]], *rows[2:]]  # as CelebA's: a count, then titles of attributes
    # spreadsheets add empty cells at the end, of some lines or all
    width = max(place + 1 for row in rows for place, cell in enumerate(row) if cell.strip())
    rows = [row[:width] for row in rows]
    first_width = len(rows[0])
    odd = next((row for row in rows if len(row) != first_width), None)
    if odd or width < 2:
        name = printable(odd[0].strip()[:40]) if odd else ""
        found = f"the line of {name} has {len(odd)}, the first {first_width}" if odd else "1"
        raise DataError(
            f"{where}: not a table of names and labels; columns: {found}; write NAME,LABEL a line"
        )
    header = _header(rows)
    body = rows[1:] if header else rows
    return _table_of_columns(header or ["name", "label", *[""] * (width - 2)], body, where)


def _numbers(cells: list[str]) -> list[Any]:
    """Return class numbers if all are whole; else labels of one number."""
    found = [float(cell) if cell else None for cell in cells]
    if not all(number is None or number.is_integer() for number in found):
        return [number if number is None else [number] for number in found]
    if any(number is not None and number < 0 for number in found):
        return list(cells)  # as -1 and 1 of a class that is there or not
    return [number if number is None else int(number) for number in found]


def _header(rows: list[list[str]]) -> list[str] | None:
    titles = [cell.strip() for cell in rows[0]]
    lower = [title.lower() for title in titles]
    named = lower[0] in NAME_COLUMNS or any(title in LABEL_COLUMNS for title in lower)
    by_content = len(rows) > 1 and is_image(rows[1][0].strip()) and not is_image(titles[0])
    return titles if named or by_content else None


def _table_of_columns(titles: list[str], rows: list[list[str]], where: str) -> LabelTable:
    lower = [title.lower() for title in titles]
    names = next((place for place, title in enumerate(lower) if title in NAME_COLUMNS), 0)
    others = [place for place in range(len(titles)) if place != names]
    labels = next((place for place in others if lower[place] in LABEL_COLUMNS), None)
    if labels is None and len(others) == 1:
        labels = others[0]
    if any(not titles[place] for place in others):
        raise DataError(
            f"{where}: {len(titles)} columns without titles; write a first line such as "
            "name,label,hair"
        )
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: two columns {printable(twice)!r}; rename one of them")
    cells = [row[labels].strip() for row in rows] if labels is not None else []
    numeric = [cell if _NUMBER.fullmatch(cell) else "" for cell in cells]
    words = {cell.lower() for cell in cells if not _NUMBER.fullmatch(cell)}
    values = _numbers(numeric) if words <= _MISSING and any(numeric) else cells
    known = [row[names].strip() for row in rows]
    table = label_table(zip(known, values, strict=False), where)
    if labels is not None and table.label_names:
        table = replace(table, label_names=(titles[labels],))
    columns = [place for place in others if place != labels]
    attributes = {
        normal_name(row[names].strip()): {titles[place]: row[place].strip() for place in columns}
        for row in rows
    }
    return replace(table, attributes=attributes if columns else {})


def _column(column: Any) -> Column:
    values = tuple(str(value) for value in column["values"])
    index = [int(number) for number in column["index"]]
    if index and not 0 <= min(index) <= max(index) < len(values):
        raise ValueError("an attribute's index lies outside its values")
    return Column(values=values, index=index)
