"""The recording of a plan: rendered, stored and composed; resumable at any point."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from stylegan_cli.latents.codes import Codes, noise_columns
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.folder import StudyPaths, every_image, finish, open_folder
from stylegan_cli.rendering.header import StudyHeader
from stylegan_cli.rendering.plan import Address, Cell, Plan
from stylegan_cli.rendering.store import Table


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
        OutputError: The folder holds something else, or cannot be written.
    """

    def __init__(
        self, network: Network, plan: Plan, folder: Path, *, overwrite: bool = False
    ) -> None:
        self._network, self._plan = network, plan
        self._study = open_folder(folder, _header(network, plan), self._tables, overwrite=overwrite)
        self.paths: StudyPaths = self._study.paths
        self.damage = self._study.damage
        file = self._study.file
        self.total = sum(1 for _ in every_image(file))
        self._there = {
            Address(table, index) for table in file.tables for index in _indices(file.done(table))
        }

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._study.file.close()

    @property
    def missing(self) -> int:
        """Return how many images are still to be made."""
        return self.total - len(self._there)

    def cells(self, batch_size: int | None = None) -> Iterator[Cell]:
        """Make the missing images; each is stored before it is yielded.

        Raises:
            OutputError: The disk is full or was removed.
        """
        if not self.missing:
            return
        from stylegan_cli.rendering.render import render

        for cell in render(
            self._network.G, self._plan, batch_size=batch_size, skip=frozenset(self._there)
        ):
            self._study.file.write(*cell.address, cell.pixels)
            self._there.add(cell.address)
            yield cell

    @property
    def unmeasured(self) -> int:
        """Return how many cells of measurements are missing."""
        file = self._study.file
        return sum(int((~file.done(name)).sum()) for name in file.measurements)

    def measurements(self, batch_size: int | None = None) -> Iterator[Address]:
        """Measure the missing cells after all images are made; yield each once stored.

        Raises:
            OutputError: The disk is full or was removed.
        """
        file = self._study.file
        for name, measurement in self._plan.made.measurements.items() if self.unmeasured else ():
            for index in _indices(np.asarray(~file.done(name))):
                file.write_cell(name, index, measurement.take(file, index, batch_size))
                yield Address(name, index)

    def pictures(self) -> Iterator[Path]:
        """Yield every picture once written, after images and measurements; closes the study.

        Raises:
            OutputError: One cannot be written.
        """
        yield from finish(self._study, self._plan.pictures)

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
