"""Sources whose labels come from elsewhere: by name from a file, or from columns of numbers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import PurePosixPath

from stylegan_cli.data import Entry, Source, Tally, entry_path, printable
from stylegan_cli.data.decoding import Upright
from stylegan_cli.data.labels import GREATEST, Column, LabelTable, normal_name
from stylegan_cli.errors import DataError, UsageError, meant_or_all

SEARCHED = 1000
"""Images among whose attributes a column is looked for."""
_WORDS = {"": "nan", "true": "1", "false": "0", "yes": "1", "no": "0"}
Key = Callable[[str], str]


class Relabelled(Source):
    """A source whose images get other labels; `labelled` and `numbered` make them."""

    def __init__(
        self,
        source: Source,
        relabel: Callable[[Iterable[Entry]], Iterator[Entry]],
        remarks: Callable[[], list[str]],
    ) -> None:
        self.name, self.prepared = source.name, source.prepared
        self._source = source
        self._relabel, self._remarks = relabel, remarks

    def tally(self) -> Tally:
        return self._source.tally()

    def entries(self) -> Iterator[Entry]:
        return self._relabel(self._source.entries())

    def open(self, entry: Entry) -> AbstractContextManager[Upright]:
        return self._source.open(entry)

    def checksum(self, entry: Entry) -> int | None:
        return self._source.checksum(entry)

    def digest(self, entry: Entry) -> object:
        return self._source.digest(entry)

    def remarks(self) -> list[str]:
        return self._remarks()

    def close(self) -> None:
        self._source.close()


def labelled(source: Source, table: LabelTable) -> Relabelled:
    """Return a source with the labels and attributes of a table."""
    # not before they are needed, which is later than the source is opened
    matching = cache(lambda: match(table, [entry.name for entry in source.entries()]))
    found = Relabelled(
        source,
        lambda entries: matching().annotated(entries),
        lambda: matching().remarks,
    )
    own = table if table.labels else source
    found.classes, found.label_names = own.classes, own.label_names
    found.prepared = table.prepared or source.prepared
    return found


@dataclass(frozen=True, kw_only=True)
class Matching:
    """A table matched to images.

    Attributes:
        names: Names of the table by those of the images.
        columns: Those of the table, if they are as long as there are images.
        remarks: Sentences on what did not match as written.
    """

    table: LabelTable
    names: Mapping[str, str]
    columns: Mapping[str, Column]
    remarks: list[str]

    def annotated(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield all entries, in sorted order, with what the table knows of them.

        Without labels in the table, they keep those of their sub-folders.
        """
        for place, entry in enumerate(entries):
            name = self.names.get(entry.name, "")
            known = {
                key: column.values[column.index[place]]
                for key, column in self.columns.items()
                if place < len(column.index)
            }
            attributes = {**entry.attributes, **self.table.attributes.get(name, {}), **known}
            label = self.table.labels.get(name) if self.table.labels else entry.label
            yield replace(entry, label=label, attributes=attributes)


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
    columns = {k: each for k, each in table.columns.items() if len(each.index) == len(names)}
    remarks = list(_remarks(table, names, best, how))
    return Matching(table=table, names=best, columns=columns, remarks=remarks)


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
    """Return names of a table by their keys; None where a key stands for different lines of it."""
    found: dict[str, str] = {}
    for name in table.names:
        other = found.setdefault(key(name), name)
        for known in (table.labels, table.attributes):
            if known.get(other) != known.get(name):
                return None
    return found


def _remarks(
    table: LabelTable, names: Sequence[str], found: Mapping[str, str], how: str
) -> Iterator[str]:
    if misfits := {len(each.index) for each in table.columns.values()} - {len(names)}:
        yield (
            f"{table.where}: its attributes are those of {max(misfits)} images, and {len(names)} "
            "are here; they are left out"
        )
    known = table.names
    if not known or not names:
        return
    if not found:
        yield (
            f"{table.where}: none of its {len(known)} names matches an image here; the first "
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
            f"{table.where}: {len(unused)} of its {len(known)} names match no image here, "
            f"such as {printable(unused[0])}"
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

    def relabel(entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            numbers = [_number(source, entry, name) for name in names]
            found = tuple(number for number in numbers if number is not None)
            yield replace(entry, label=found if len(found) == len(names) else None)

    remarks = [*source.remarks(), *_without_number(source, names)]
    found = Relabelled(source, relabel, lambda: remarks)
    found.label_names = tuple(names)
    return found


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
    return number if abs(number) <= GREATEST else None
