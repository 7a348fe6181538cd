"""The folder of a study: its HDF5 file, the composed pictures, a PNG of every image.

    mix.h5    mix.png, or mix-crossover-4.png, …    images/row0001-col0003.png, …
    noise.h5  noise.png, further pictures: noise-maps.png, …

While images are missing the HDF5 file is hidden: `.mix.h5.partial`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegan_cli.data.parallel import ordered_map
from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.figures.png import write_png
from stylegan_cli.files import put_in_place, writing
from stylegan_cli.rendering.header import StudyHeader
from stylegan_cli.rendering.sheet import compose
from stylegan_cli.rendering.store import SOURCES, StudyFile, Table, create_study, open_study
from stylegan_cli.shapes import Picture

UNFINISHED = ".{}.h5.partial"
WRITERS = 8
"""Threads that write pictures: they wait for the disk most of the time, on any machine."""


@dataclass(frozen=True, kw_only=True)
class StudyPaths:
    """Paths of all files of one study."""

    folder: Path
    header: StudyHeader

    @property
    def hdf5(self) -> Path:
        return self.folder / f"{_slug(self.header.study)}.h5"

    @property
    def unfinished(self) -> Path:
        """Return the path of the HDF5 file while images are missing."""
        return self.folder / UNFINISHED.format(_slug(self.header.study))

    @property
    def images(self) -> Path:
        """Return the folder of single images."""
        return self.folder / "images"

    @property
    def sheets(self) -> tuple[Path, ...]:
        """Return the composed pictures."""
        names = self.header.sheets if len(self.header.sheets) > 1 else ("",)
        return tuple(map(self.composed, names))

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Return the further pictures beside the sheets."""
        return tuple(map(self.composed, self.header.pictures))

    def composed(self, name: str) -> Path:
        """Return the path of a composed picture; the only sheet of a study has no name."""
        words = [self.header.study, name] if name else [self.header.study]
        return self.folder / f"{'-'.join(map(_slug, words))}.png"

    def image(self, table: str, index: tuple[int, ...]) -> Path:
        """Return the path of the PNG of one image."""
        if not index:
            return self.images / f"{_slug(table)}.png"
        axes: Mapping[str, Sequence[str]] = self.header.axes
        if table.endswith(SOURCES):
            axis = table.removesuffix(SOURCES)
            axes = {axis: axes[axis]}
        elif table != "/":
            first = next(iter(axes))
            axes = {first: axes[first], table: list(map(str, range(index[-1] + 1)))}
        sheets, position = index[: -len(axes)], index[-len(axes) :]
        name = "-".join(
            f"{_slug(axis)}{_slug(names[i])}"
            for (axis, names), i in zip(axes.items(), position, strict=True)
        )
        return self.images.joinpath(*(_slug(self.header.sheets[i]) for i in sheets), f"{name}.png")


@dataclass(frozen=True, kw_only=True)
class OpenStudy:
    """A study in its folder, finished or not.

    Attributes:
        damage: Reason why an unfinished file could not be resumed, if any.
    """

    paths: StudyPaths
    file: StudyFile
    damage: str | None = None

    @property
    def is_finished(self) -> bool:
        return self.file.path == self.paths.hdf5


def open_folder(
    folder: Path,
    header: StudyHeader,
    make_tables: Callable[[], Mapping[str, Table]],
    *,
    overwrite: bool = False,
) -> OpenStudy:
    """Open the study in this folder: finished, unfinished or new.

    Args:
        make_tables: Returns the tables of a new study.
        overwrite: Replace whatever exists.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    paths = StudyPaths(folder=folder, header=header)
    damage = None
    if folder.exists() and not overwrite:
        with writing(folder):
            _refuse_strangers(paths)
        if paths.hdf5.exists():
            return OpenStudy(paths=paths, file=_same(_open_finished(paths.hdf5), header))
        if paths.unfinished.exists():
            try:
                file = open_study(paths.unfinished, write=True)
            except DataError as error:
                damage = str(error)
            else:
                return OpenStudy(paths=paths, file=_same(file, header))
    # before anything of the folder changes: this can fail
    tables = make_tables()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if overwrite:
            _clear(folder)
        paths.unfinished.unlink(missing_ok=True)
    file = create_study(paths.unfinished, header, tables)
    return OpenStudy(paths=paths, file=file, damage=damage)


def finish(
    study: OpenStudy, pictures: Mapping[str, Callable[[StudyFile], Picture]]
) -> Iterator[Path]:
    """Write the pictures as they become ready, then rename the HDF5 file; closes it.

    Of a study that is finished already, only pictures that are missing are written.

    Args:
        pictures: Painter of each further picture of the header, by name.
    """
    file, paths = study.file, study.paths
    yield from _images(study)
    for sheet, path in enumerate(paths.sheets):
        if not (study.is_finished and path.exists()):
            write_png(path, compose(file, sheet), origin=file.header.origin)
        yield path
    for name, path in zip(paths.header.pictures, paths.pictures, strict=True):
        if not (study.is_finished and path.exists()):
            write_png(path, pictures[name](file), origin=file.header.origin)
        yield path
    file.close()
    if not study.is_finished:
        with writing(paths.hdf5):
            put_in_place(file.path, paths.hdf5)


def _images(study: OpenStudy) -> Iterator[Path]:
    """Write the image of each cell, several at once, and yield their paths in order."""
    file, paths, origin = study.file, study.paths, study.file.header.origin

    def missing() -> Iterator[tuple[Path, Picture | None]]:
        for table, index in every_image(file):
            path = paths.image(table, index)
            is_there = study.is_finished and path.exists()
            yield path, None if is_there else file.image(table, index)

    def write(job: tuple[Path, Picture | None]) -> Path:
        path, pixels = job
        if pixels is not None:
            write_png(path, pixels, origin=origin)
        return path

    yield from ordered_map(write, missing(), workers=WRITERS, ahead=2 * WRITERS)


def every_image(file: StudyFile) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield table and index of every image."""
    for table in file.tables:
        for index in np.ndindex(file.done(table).shape):
            yield table, index


def _open_finished(path: Path) -> StudyFile:
    try:
        return open_study(path)
    except DataError as error:
        raise OutputError(f"{error}; choose another `output` or add `overwrite`") from None


def _refuse_strangers(paths: StudyPaths) -> None:
    if paths.hdf5.exists() or paths.unfinished.exists():
        return
    others = [path for path in paths.folder.iterdir() if not path.name.startswith(".")]
    found = [*_studies(paths.folder), *others]
    if found:
        raise OutputError(
            f"{paths.folder}: not empty, holds {found[0].name}; "
            "choose another `output` or add `overwrite`"
        )


def _same(file: StudyFile, header: StudyHeader) -> StudyFile:
    differences = header.differences(file.header)
    if differences:
        file.close()
        raise OutputError(
            f"{file.path.parent}: holds another study ({'; '.join(differences)}); "
            "choose another `output` or add `overwrite`"
        )
    return file


def _clear(folder: Path) -> None:
    """Remove the studies in the folder with their pictures, and nothing else."""
    for path in _studies(folder):
        try:
            with open_study(path) as file:
                pictures = _pictures(StudyPaths(folder=folder, header=file.header), file)
        except DataError:
            # a damaged study, or no study at all: only what is surely ours goes
            if path.name.startswith("."):
                path.unlink()
            continue
        for picture in pictures:
            picture.unlink(missing_ok=True)
        path.unlink()


def _studies(folder: Path) -> list[Path]:
    """Return the files named like studies."""
    return [*folder.glob("*.h5"), *folder.glob(UNFINISHED.format("*"))]


def _pictures(paths: StudyPaths, file: StudyFile) -> list[Path]:
    return [
        *paths.sheets,
        *paths.pictures,
        *(paths.image(*address) for address in every_image(file)),
    ]


def _slug(name: str) -> str:
    """Return a name that is safe in a path and sorts numbers as numbers."""
    return name.zfill(4) if name.isdecimal() else re.sub(r"[^\w.,+-]+|^\.+", "-", name)
