"""The recording of a plan: rendered, stored and composed; resumable at any point."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from stylegan_cli.errors import DataError, OutputError
from stylegan_cli.figures.png import write_png
from stylegan_cli.files import put_in_place, writing
from stylegan_cli.latents.codes import Codes, noise_columns
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.header import UNFINISHED, StudyHeader, StudyPaths
from stylegan_cli.rendering.plan import Address, Cell, Plan
from stylegan_cli.rendering.sheet import compose
from stylegan_cli.rendering.store import StudyFile, Table, create_study, open_study
from stylegan_cli.runtime import ordered_map
from stylegan_cli.shapes import Picture

WRITERS = 8
"""Threads that write pictures: they wait for the disk most of the time, on any machine."""


class Recording:
    """The images of a plan in a folder; finished images survive an interruption.

    Attributes:
        paths: Paths of all files.
        total: Images of the plan.
        damage: Reason why earlier work on this study could not be resumed, if any.

    Args:
        folder: A folder of its own for this study.
        overwrite: Replace whatever exists.

    Raises:
        OutputError: The folder holds something else, or cannot be written; later, the disk is
            full or was removed.
    """

    def __init__(
        self, network: Network, plan: Plan, folder: Path | str, *, overwrite: bool = False
    ) -> None:
        self._network, self._plan = network, plan
        self.paths = StudyPaths(folder=Path(folder), header=_header(network, plan))
        self.damage: str | None = None
        self._file = self._opened(overwrite=overwrite)
        self._is_finished = self._file.path == self.paths.hdf5
        self.total = sum(1 for _ in self._file.addresses)
        self._there = {
            Address(table, index)
            for table in self._file.tables
            for index in _indices(self._file.done(table))
        }

    def _opened(self, *, overwrite: bool) -> StudyFile:
        """Open the study in its folder: finished, unfinished or new."""
        paths = self.paths
        if paths.folder.exists() and not overwrite:
            with writing(paths.folder):
                _refuse_strangers(paths)
            if paths.hdf5.exists():
                try:
                    return _same(open_study(paths.hdf5), paths.header)
                except DataError as error:
                    raise OutputError(
                        f"{error}; choose another `output` or add `overwrite`"
                    ) from None
            if paths.unfinished.exists():
                try:
                    file = open_study(paths.unfinished, write=True)
                except DataError as error:
                    self.damage = str(error)
                else:
                    return _same(file, paths.header)
        # before anything of the folder changes: this can fail
        tables = self._tables()
        with writing(paths.folder):
            paths.folder.mkdir(parents=True, exist_ok=True)
            if overwrite:
                _clear(paths.folder)
            if self.damage:
                paths.unfinished.unlink(missing_ok=True)
        return create_study(paths.unfinished, paths.header, tables)

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def missing(self) -> int:
        """Return how many images are still to be made."""
        return self.total - len(self._there)

    def cells(self, batch_size: int | None = None) -> Iterator[Cell]:
        """Make the missing images; each is stored before it is yielded."""
        if not self.missing:
            return
        from stylegan_cli.rendering.render import render

        for cell in render(
            self._network.G, self._plan, batch_size=batch_size, skip=frozenset(self._there)
        ):
            self._file.write(*cell.address, cell.pixels)
            self._there.add(cell.address)
            yield cell

    @property
    def unmeasured(self) -> int:
        """Return how many cells of measurements are missing."""
        return sum(int((~self._file.done(name)).sum()) for name in self._file.measurements)

    def measurements(self, batch_size: int | None = None) -> Iterator[Address]:
        """Measure the missing cells after all images are made; yield each once stored."""
        file = self._file
        for name, measurement in self._plan.made.measurements.items() if self.unmeasured else ():
            for index in _indices(np.asarray(~file.done(name))):
                file.write_cell(name, index, measurement.take(file, index, batch_size))
                yield Address(name, index)

    def pictures(self) -> Iterator[Path]:
        """Yield every picture once written, after images and measurements; closes the study.

        Of a study that is finished already, only pictures that are missing are written.
        """
        file, paths = self._file, self.paths
        yield from self._images()
        for sheet, path in enumerate(paths.sheets):
            if not (self._is_finished and path.exists()):
                write_png(path, compose(file, sheet), origin=file.header.origin)
            yield path
        for name, path in zip(paths.header.pictures, paths.pictures, strict=True):
            if not (self._is_finished and path.exists()):
                write_png(path, self._plan.pictures[name](file), origin=file.header.origin)
            yield path
        file.close()
        if not self._is_finished:
            with writing(paths.hdf5):
                put_in_place(file.path, paths.hdf5)

    def _images(self) -> Iterator[Path]:
        """Write the image of each cell, several at once, and yield their paths in order."""
        file, origin = self._file, self._file.header.origin

        def missing() -> Iterator[tuple[Path, Picture | None]]:
            for address in file.addresses:
                path = self.paths.image(*address)
                is_there = self._is_finished and path.exists()
                yield path, None if is_there else file.image(*address)

        def write(job: tuple[Path, Picture | None]) -> Path:
            path, pixels = job
            if pixels is not None:
                write_png(path, pixels, origin=origin)
            return path

        yield from ordered_map(write, missing(), workers=WRITERS, ahead=2 * WRITERS)

    def _tables(self) -> dict[str, Table]:
        drawn = {name: _table(self._network, codes) for name, codes in self._plan.tables.items()}
        for name, measurement in self._plan.made.measurements.items():
            arrays = {each: (shape, np.float32) for each, shape in measurement.arrays.items()}
            drawn[name] = Table(shape=measurement.shape, arrays=arrays)
        return drawn


def default_folder(network: Network, plan: Plan) -> Path:
    """Return the default folder of a study: the same for the same request."""
    return Path("results") / f"{plan.study}-{_header(network, plan).fingerprint[:8]}"


def _header(network: Network, plan: Plan) -> StudyHeader:
    return StudyHeader(
        study=plan.study,
        request=plan.request,
        axes=plan.axes,
        sheets=plan.sheets,
        pictures=tuple(plan.pictures),
        recipe=dumps(network.recipe),
        network_sha256=network.sha256,
    )


def _table(network: Network, codes: Codes) -> Table:
    sizes = network.sizes
    columns = {name: values for name, values in vars(codes).items() if values is not None}
    own_noise = columns.pop("own_noise", None)
    if own_noise is not None:
        columns |= noise_columns(own_noise)
    image_shape = (*sizes.size.shape, sizes.channels)
    return Table(shape=codes.shape, arrays={"images": (image_shape, np.uint8)}, columns=columns)


def _indices(flags: Bool[np.ndarray, "*shape"]) -> list[tuple[int, ...]]:
    """Return the indices of the set flags."""
    return [tuple(map(int, index)) for index in np.argwhere(flags)]


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
                paths = StudyPaths(folder=folder, header=file.header)
                single = [paths.image(*address) for address in file.addresses]
        except DataError:
            # a damaged study, or no study at all: only what is surely ours goes
            if path.name.startswith("."):
                path.unlink()
            continue
        for picture in (*paths.sheets, *paths.pictures, *single):
            picture.unlink(missing_ok=True)
        path.unlink()


def _studies(folder: Path) -> list[Path]:
    """Return the files named like studies."""
    return [*folder.glob("*.h5"), *folder.glob(UNFINISHED.format("*"))]
