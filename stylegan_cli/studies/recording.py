"""A plan on its way into a study folder: rendered, stored, composed; resumable anywhere."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stylegan_cli.checkpoint import Network
from stylegan_cli.plan import Codes, Plan
from stylegan_cli.recipe import dumps
from stylegan_cli.results.folder import StudyPaths, finish, open_folder
from stylegan_cli.results.header import Header
from stylegan_cli.results.store import Table
from stylegan_cli.synthesis import Address, Cell, addresses, render


class Recording:
    """The images of a plan, made and kept in a folder; leaving it keeps what is there so far.

    Attributes:
        paths: Where everything is, or will be.
        total: Images of the plan.
        damage: Why what was there of this study could not be taken up again, if it could not.

    Args:
        folder: A folder of its own for this study.
        overwrite: Start anew, whatever is there.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """

    def __init__(
        self, network: Network, plan: Plan, folder: Path, *, overwrite: bool = False
    ) -> None:
        self._network, self._plan = network, plan
        tables = {name: _table(network, codes) for name, codes in plan.tables.items()}
        self._study = open_folder(folder, _header(network, plan), tables, overwrite=overwrite)
        self.paths: StudyPaths = self._study.paths
        self.damage = self._study.damage
        self.total = len(addresses(plan))
        self._there = set(self._find_done())

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._study.file.close()

    @property
    def missing(self) -> int:
        """How many images are still to be made."""
        return self.total - len(self._there)

    def cells(self, batch_size: int | None = None) -> Iterator[Cell]:
        """Make the missing images; each is stored before it is yielded.

        Raises:
            OutputError: The disk is full, or went away.
        """
        for cell in render(
            self._network.G, self._plan, batch_size=batch_size, skip=frozenset(self._there)
        ):
            self._study.file.write(*cell.address, cell.pixels)
            self._there.add(cell.address)
            yield cell

    def pictures(self) -> Iterator[Path]:
        """Every picture once it is there, after all images are made; closes the study.

        Raises:
            OutputError: One cannot be written.
        """
        yield from finish(self._study)

    def _find_done(self) -> Iterator[Address]:
        for table in self._plan.tables:
            for index in np.argwhere(self._study.file.done(table)):
                yield Address(table, tuple(map(int, index)))


def default_folder(network: Network, plan: Plan) -> Path:
    """Where a study goes if nobody says: the same request, the same folder."""
    return Path("results") / f"{plan.study}-{_header(network, plan).fingerprint[:8]}"


def _header(network: Network, plan: Plan) -> Header:
    return Header(
        study=plan.study,
        request=plan.request,
        axes={axis.name: axis.names for axis in plan.axes},
        sheets=plan.sheets,
        recipe=dumps(network.recipe),
        network_sha256=network.sha256,
    )


def _table(network: Network, codes: Codes) -> Table:
    G = network.G
    columns = {"ws": codes.ws, "noise_seed": codes.noise_seed, "labels": codes.labels}
    if codes.z is not None:
        columns["z"] = codes.z
    return Table(
        shape=codes.shape,
        image_shape=(G.resolution, G.resolution, G.channels),
        columns=columns,
    )
