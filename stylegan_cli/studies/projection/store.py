"""The files of a projection: finished batches, then one HDF5 file.

    projected.h5    projected.png    w.npz    images/NAME.png

While pictures are missing, everything is in `.projecting`: which pictures are in which batch, and
of each batch its state, or what was found.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain, product
from pathlib import Path, PurePath

import numpy as np

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.files import put_in_place, writing, written_whole
from stylegan_cli.rendering.header import StudyHeader, differing
from stylegan_cli.rendering.store import Table, create_study, open_study
from stylegan_cli.studies.projection.states import Cells, Record
from stylegan_cli.texts import read_bounded

STUDY, AXIS = "projected", "picture"
CHECKS = "checks"
"""Group of the HDF5 file with measures of the network's own images."""
HIDDEN, IMAGES, CODES = ".projecting", "images", "w.npz"
OF_EACH = {IMAGES: ".png", "pasted": ".png", "videos": ".mp4"}
"""Folders that hold a file for each picture, and its suffix."""
TUNED, TUNING = "tuned.safetensors", ".tuning.safetensors"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A batch to project: keys and names of its pictures, and their class.

    Attributes:
        class_index: None without classes.
        checks: They are the network's own, to measure the others by.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    class_index: int | None
    checks: bool

    @property
    def name(self) -> str:
        """Return a name that is equal for equal pictures."""
        return sha256(repr((self.keys, self.class_index)).encode()).hexdigest()[:16]


class ProjectionFolder:
    """The folder of a projection.

    Args:
        header: Of the file to come; its names are those of the pictures found so far.

    Raises:
        OutputError: The folder holds another projection or something else.
    """

    def __init__(self, path: Path, header: StudyHeader) -> None:
        self.path, self.header = path, header
        self.hdf5 = path / f"{STUDY}.h5"
        self.sheet = path / f"{STUDY}.png"
        self.images = path / IMAGES
        self.hidden = path / HIDDEN
        self.plain_codes = path / CODES
        self.tuned, self.tuning = path / TUNED, path / TUNING
        self._refuse_others()

    def image(self, name: str) -> Path:
        """Return the path of the PNG of a result."""
        return self.images / f"{name}.png"

    def state(self, batch: Planned) -> Path:
        """Return the path of the state of an unfinished batch."""
        return self.hidden / f"{batch.name}.state.safetensors"

    def results(self, batch: Planned) -> Path:
        """Return the path of the results of a finished batch."""
        return self.hidden / f"{batch.name}.h5"

    def planned(self) -> list[Planned]:
        """Return the batches of unfinished work."""
        if not self._plan.exists():
            return []
        with self._damage_in_words():
            batches = json.loads(read_bounded(self._plan))["batches"]
            return [
                Planned(
                    **{name: tuple(batch[name]) for name in ("keys", "names")},
                    class_index=batch["class"],
                    checks=batch["checks"],
                )
                for batch in batches
            ]

    def plan(self, batches: Sequence[Planned]) -> None:
        """Save which pictures are in which batch."""
        described = [{**vars(each), "class": each.class_index} for each in batches]
        text = json.dumps({"origin": json.loads(self.header.origin), "batches": described})
        with written_whole(self._plan) as temporary:
            temporary.write_text(text)

    def keep(self, batch: Planned, records: Sequence[Record]) -> None:
        """Store the pictures found of a batch, whole or not at all."""
        path = self.results(batch)
        if records:
            self._write(path, [record.name for record in records], iter(records))
        else:
            with written_whole(path) as temporary:
                temporary.touch()

    def failed(self, batch: Planned) -> list[str]:
        """Return the names of the pictures of a finished batch of which nothing was found."""
        found = names_in(self.results(batch))
        return [name for name in batch.names if name not in found]

    def checks(self) -> Iterator[Record]:
        """Yield the network's own images of the HDF5 file, measures only."""
        if not self.hdf5.exists():
            return
        with open_study(self.hdf5) as file:
            if CHECKS in file.measurements:
                names = file.names(CHECKS)
                for i in range(len(file.done(CHECKS))):
                    cells = {name: file.array(CHECKS, name, (i,)) for name in names}
                    key = cells.pop("key")
                    yield Record(name=f"check {i}", cells={"/": {"key": key}, "measures": cells})

    def keys(self) -> tuple[str, ...]:
        """Return the identifying keys of the pictures in the HDF5 file."""
        if not self.hdf5.exists():
            return ()
        with open_study(self.hdf5) as file:
            tables = ("/", *(name for name in file.measurements if name == CHECKS))
            keys = (key for table in tables for key in file.array(table, "key"))
            return tuple(bytes(key).decode() for key in keys)

    def write(self, batches: Sequence[Planned]) -> None:
        """Add finished batches to the HDF5 file, a picture at a time.

        Raises:
            DataError: There is no picture at all.
            OutputError: It cannot be written.
        """
        paths = [self.hdf5, *(self.results(batch) for batch in batches if not batch.checks)]
        names = [name for path in paths for name in names_in(path)]
        if not names:
            raise DataError("no picture could be projected; see the reasons above")
        own = [self.results(batch) for batch in batches if batch.checks]
        measured = [
            {**each.cells["measures"], "key": each.cells["/"]["key"]}
            for each in chain(self.checks(), *map(read_records, own))
        ]
        self._write(self.hdf5, names, chain(*map(read_records, paths)), measured)

    @staticmethod
    def clear(path: Path) -> None:
        """Remove a projection from a folder, and nothing else."""
        shutil.rmtree(path / HIDDEN, ignore_errors=True)
        file = path / f"{STUDY}.h5"
        if not file.exists():
            return
        with suppress(DataError), open_study(file) as study:
            for (folder, suffix), name in product(OF_EACH.items(), study.header.axes[AXIS]):
                (path / folder / PurePath(f"{name}{suffix}").name).unlink(missing_ok=True)
        for each in (file, *(path / name for name in (f"{STUDY}.png", CODES, TUNED, TUNING))):
            each.unlink(missing_ok=True)
        for folder in OF_EACH:
            with suppress(OSError):  # missing, or it holds something else
                (path / folder).rmdir()

    def _write(
        self,
        path: Path,
        names: Sequence[str],
        records: Iterator[Record],
        measured: Sequence[Mapping[str, np.ndarray]] = (),
    ) -> None:
        first = next(records)
        tables = {table: _table(len(names), cells) for table, cells in first.cells.items()}
        forms = _forms(first.cells)
        if measured:
            tables[CHECKS] = _table(len(measured), measured[0])
        header = replace(self.header, axes={AXIS: tuple(names)})
        temporary = self.hidden / f"{path.stem}.part.h5"
        temporary.unlink(missing_ok=True)
        with create_study(temporary, header, tables) as file:
            for i, record in enumerate(chain([first], records)):
                cells_of = dict(record.cells)  # which reads each table once
                if _forms(cells_of) != forms:
                    raise OutputError(
                        f"{self.hdf5}: damaged, {first.name} and {record.name} hold different "
                        "arrays; add `overwrite` to start again"
                    )
                for table, cells in cells_of.items():
                    file.write_cell(table, (i,), cells)
            for i, cells in enumerate(measured):
                file.write_cell(CHECKS, (i,), cells)
        with writing(path):
            put_in_place(temporary, path)

    @property
    def _plan(self) -> Path:
        return self.hidden / "plan.json"

    @contextmanager
    def _damage_in_words(self) -> Iterator[None]:
        try:
            yield
        except (DataError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise OutputError(f"{self._plan}: damaged; add `overwrite` to start again") from None

    def _refuse_others(self) -> None:
        if self.hdf5.exists():
            try:
                with open_study(self.hdf5) as file:
                    differences = self.header.differences(file.header)
            except DataError as error:
                raise OutputError(f"{error}; choose another `output` or add `overwrite`") from None
        elif self._plan.exists():
            with self._damage_in_words():
                origin = json.loads(read_bounded(self._plan))["origin"]
                differences = differing(json.loads(self.header.origin), origin)
        elif self.path.exists() and any(self.path.iterdir()):
            found = sorted(self.path.iterdir())[0]
            differences = [f"{found.name} is there"] if found.name != HIDDEN else []
        else:
            differences = []
        if differences:
            raise OutputError(
                f"{self.path}: holds something else ({'; '.join(differences)}); "
                "choose another `output` or add `overwrite`"
            )


def _table(count: int, cells: Mapping[str, np.ndarray]) -> Table:
    arrays = {name: (array.shape, array.dtype) for name, array in cells.items()}
    return Table(shape=(count,), arrays=arrays)


def _forms(tables: Cells) -> dict[str, dict[str, tuple[int, ...]]]:
    return {
        table: {name: np.shape(each) for name, each in arrays.items()}
        for table, arrays in tables.items()
    }


class StoredCells(Mapping[str, Mapping[str, np.ndarray]]):
    """The arrays of a picture in an HDF5 file, those of a table read when it is asked for."""

    def __init__(self, path: Path, index: int, tables: Sequence[str]) -> None:
        self._path, self._index, self._tables = path, index, tables

    def __getitem__(self, table: str) -> Mapping[str, np.ndarray]:
        if table not in self._tables:
            raise KeyError(table)
        with open_study(self._path) as file:
            names = file.names(table)
            return {name: file.array(table, name, (self._index,)) for name in names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def names_in(path: Path) -> tuple[str, ...]:
    """Return the names of the pictures in an HDF5 file; none if it is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        return ()
    with open_study(path) as file:
        return tuple(file.header.axes[AXIS])


def read_records(path: Path) -> Iterator[Record]:
    """Yield the pictures of an HDF5 file; their arrays are read when they are asked for."""
    if not (names := names_in(path)):
        return
    with open_study(path) as file:
        tables = [each for each in (*file.tables, *file.measurements) if each != CHECKS]
    for i, name in enumerate(names):
        yield Record(name=name, cells=StoredCells(path, i, tables))
