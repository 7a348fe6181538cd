"""Sources whose labels come from elsewhere: a file beside the images, or columns of numbers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from math import isfinite

from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.entries import Entry, Source, Tally, entry_path, printable
from stylegan_cli.data.labels import LabelTable, match
from stylegan_cli.errors import DataError, UsageError, meant_or_all

SEARCHED = 1000
"""Images among whose attributes a column is looked for."""
_WORDS = {"": "nan", "true": "1", "false": "0", "yes": "1", "no": "0"}


class Relabelled(Source):
    """A source whose images get other labels; `labelled` and `numbered` make them."""

    def __init__(
        self,
        source: Source,
        relabel: Callable[[Entry], Entry],
        *,
        classes: tuple[str, ...] = (),
        label_names: tuple[str, ...] = (),
        remarks: Sequence[str] = (),
    ) -> None:
        self.name = source.name
        self.prepared = source.prepared
        self.classes, self.label_names = classes, label_names
        self._source = source
        self._relabel = relabel
        self._remarks = list(remarks)

    def tally(self) -> Tally:
        return self._source.tally()

    def entries(self) -> Iterator[Entry]:
        return map(self._relabel, self._source.entries())

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        return self._source.open(entry)

    def checksum(self, entry: Entry) -> int | None:
        return self._source.checksum(entry)

    def remarks(self) -> list[str]:
        return self._remarks

    def close(self) -> None:
        self._source.close()


def labelled(source: Source, table: LabelTable) -> Relabelled:
    """Return a source with the labels and attributes of a table."""
    matching = match(table, [entry.name for entry in source.entries()])
    own = table if table.labels else source
    return Relabelled(
        source,
        matching.annotate,
        classes=own.classes,
        label_names=own.label_names,
        remarks=matching.remarks,
    )


def numbered(source: Source, names: Sequence[str]) -> Relabelled:
    """Return a source whose labels are some of its attributes, read as numbers.

    Raises:
        UsageError: No image has such an attribute.
    """
    known = {key for entry in islice(source.entries(), SEARCHED) for key in entry.attributes}
    for name in names:
        if name not in known:
            lead = meant_or_all(name, sorted(known)) if known else "; it has none"
            raise UsageError(
                f"{source.name}: no such column{lead}", parameter="label_columns", value=name
            )

    def relabel(entry: Entry) -> Entry:
        numbers = [_number(source, entry, name) for name in names]
        found = tuple(number for number in numbers if number is not None)
        return replace(entry, label=found if len(found) == len(names) else None)

    remarks = [*source.remarks(), *_without_number(source, names)]
    return Relabelled(source, relabel, label_names=tuple(names), remarks=remarks)


def _without_number(source: Source, names: Sequence[str]) -> Iterator[str]:
    entries = [entry for entry in source.entries() if entry.problem is None]
    for name in names:
        bare = [entry.name for entry in entries if _number(source, entry, name) is None]
        if bare:
            yield (
                f"{printable(name)}: empty, NaN or infinite for {len(bare)} of {len(entries)} "
                f"images, such as {printable(bare[0])}"
            )


def _number(source: Source, entry: Entry, name: str) -> float | None:
    """Return an attribute as a number; None where it is missing or NaN."""
    text = entry.attributes.get(name, "").strip()
    text = _WORDS.get(text.lower(), text)
    try:
        number = float(text)
    except ValueError:
        raise DataError(
            f"{entry_path(source, entry)}: {name} is {printable(text)[:40]!r}, no number; choose "
            "other columns, or repair it"
        ) from None
    return number if isfinite(number) else None
