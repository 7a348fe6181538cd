"""Projection: your own pictures reconstructed in the latent space of a network."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, groupby
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from stylegan_cli.errors import DataError
from stylegan_cli.figures.png import write_png
from stylegan_cli.files import one_writer, writing, written_whole
from stylegan_cli.latents.codes import join_codes
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.header import StudyHeader
from stylegan_cli.runtime import World
from stylegan_cli.studies.projection.alignment import paste_back
from stylegan_cli.studies.projection.findings import lpips_name, paint_sheet, remarks, write_film
from stylegan_cli.studies.projection.pictures import Subject, Unusable, free_name
from stylegan_cli.studies.projection.search import PRUNED_AT
from stylegan_cli.studies.projection.states import Record
from stylegan_cli.studies.projection.store import (
    AXIS,
    STUDY,
    Planned,
    ProjectionFolder,
    names_in,
    read_records,
)
from stylegan_cli.studies.projection.tuning import Tuning, tuning_request
from stylegan_cli.studies.projection.workshop import Workshop

BROKEN = "the search reached NaN or infinite values, even at half the learning rate"


class Projection:
    """Pictures being projected, kept in a folder; the same request resumes.

    Attributes:
        folder: Paths of all files.
        given: Pictures that can be used, the network's own among them.
        missing: Those that are still to be projected, in so many `batches`.
        total: Steps that are still to be taken, over all of them, at most.

    Args:
        overwrite: Replace whatever exists.
        world: The processes that share the work, whole batches each.

    Raises:
        DataError: Nothing could take the place of what is overwritten.
        OutputError: The folder holds something else.
    """

    def __init__(
        self,
        workshop: Workshop,
        path: Path,
        *,
        overwrite: bool = False,
        world: World | None = None,
    ) -> None:
        self._workshop, self._world = workshop, world or World()
        self._failed: tuple[str, ...] = ()
        album = workshop.album
        if overwrite and self._world.is_first and path.is_dir():
            if not album.subjects:
                reasons = "; ".join(f"{each.name}: {each.reason}" for each in album.unusable)
                told = f"no picture could be projected, so {path} stays as it is"
                raise DataError(f"{told}: {reasons or 'none given'}")
            _ = workshop.start  # codes that do not fit cost no result
            ProjectionFolder.clear(path)
        self._world.barrier()
        self.folder = ProjectionFolder(path, self._header())
        self._subjects = {subject.key: subject for subject in album.subjects}
        self._batches = self._world.gather(self._planned() if self._world.is_first else [])[0]
        todo = [batch for batch in self._batches if not self.folder.results(batch).exists()]
        self.given, self.batches = len(self._subjects), len(todo)
        self.missing = sum(len(batch.keys) for batch in todo)
        self.total = self.missing * self._steps_each
        if todo:
            # refused before anything is written
            _ = workshop.start

    @property
    def lpips(self) -> str:
        """Return the name of the perceptual distance among the measures."""
        return lpips_name(self._workshop.detector.name)

    def steps(self) -> Iterator[int]:
        """Search for what is missing; yield the steps taken over this process's pictures.

        Raises:
            OutputError: The folder is in use or cannot be written, or a picture does not fit into
                memory.
        """
        with ExitStack() as held:
            if self._world.is_first and self._batches:
                with writing(self.folder.hidden):
                    self.folder.hidden.mkdir(parents=True, exist_ok=True)
                held.enter_context(one_writer(self.folder.hidden, "projecting here"))
                self.folder.plan(self._batches)
            self._world.barrier()
            for batch in self._batches[self._world.rank :: self._world.size]:
                if not self.folder.results(batch).exists():
                    yield from self._project(batch)
            self._world.barrier()

    def unusable(self) -> tuple[Unusable, ...]:
        """Return the pictures that were left out, and why, once finished."""
        broken = (Unusable(name=name, reason=BROKEN) for name in self._failed)
        return (*self._workshop.album.unusable, *broken)

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the pictures found, once finished; their arrays stay in the HDF5 file."""
        return tuple(read_records(self.folder.hdf5))

    @property
    def checks(self) -> tuple[Record, ...]:
        """Return the network's own images, once finished."""
        return tuple(self.folder.checks())

    def remarks(self) -> Iterator[tuple[str, str]]:
        """Describe anything unusual about one picture, by its name, or about all."""
        found = {record.name: record.measures for record in self.records}
        return remarks(found, [check.measures for check in self.checks], self.lpips)

    def finish(self) -> list[Path]:
        """Write the HDF5 file, the sheet and the pictures, after all steps are taken.

        Raises:
            DataError: No picture could be used.
            OutputError: They cannot be written.
        """
        folder, origin = self.folder, self.folder.header.origin
        self._failed = tuple(name for batch in self._batches for name in folder.failed(batch))
        is_new = folder.hidden.exists()
        if self._batches or not folder.hdf5.exists():
            folder.write(self._batches)
        records = self.records
        for record in records:
            if is_new or not folder.image(record.name).exists():
                write_png(folder.image(record.name), record.cells["/"]["images"], origin=origin)
        if is_new or not folder.sheet.exists():
            write_png(folder.sheet, paint_sheet(records, self.lpips), origin=origin)
            with written_whole(folder.plain_codes) as temporary, temporary.open("wb") as file:
                codes = join_codes([replace(each.codes, own_noise=None) for each in records])
                columns: dict[str, Any] = {"w": codes.ws, "style_offsets": codes.style_offsets}
                np.savez(file, **{name: each for name, each in columns.items() if each is not None})
        # a killed process may have left it beside the finished file
        shutil.rmtree(folder.hidden, ignore_errors=True)
        return [folder.sheet, folder.hdf5, folder.images, folder.plain_codes]

    def films(self) -> Iterator[Path]:
        """Write a video of the search for each picture, after all steps are taken."""
        for record in self.records:
            path = self.folder.path / "videos" / f"{record.name}.mp4"
            if not path.exists():
                write_film(path, record, self._workshop.draw)
            yield path

    def pasted(self) -> Iterator[Path]:
        """Paste every aligned face back into its picture, after all steps are taken."""
        for record in self.records:
            subject = self._subjects.get(record.key)
            if subject is None or subject.original is None or subject.quad is None:
                continue
            image = paste_back(subject.original(), subject.quad, record.cells["/"]["images"])
            path = self.folder.path / "pasted" / f"{record.name}.png"
            write_png(path, np.asarray(image), origin=self.folder.header.origin)
            yield path

    def tuning(self, *, local: bool = False) -> Tuning | None:
        """Return a generator to be tuned to the pictures, after all steps are taken; None if done.

        Args:
            local: Hold images of other codes where they are.

        Raises:
            UsageError: There are too many pictures.
        """
        wanted, path = tuning_request(self.records, local=local), self.folder.tuned
        if path.exists() and read_header(path).provenance.get("tuning") == wanted:
            return None
        return Tuning(
            self._workshop, self.records, path=path, state=self.folder.tuning, local=local
        )

    def tuned(self) -> Iterator[tuple[str, float, float]]:
        """Yield each picture with its LPIPS before and after tuning, once that is saved."""
        G = load_network(self.folder.tuned, self._workshop.device).G
        for record in self.records:
            image = self._workshop.draw(record.codes, G)
            after = self._workshop.distance(image, record.cells["targets"]["images"])
            yield record.name, record.measures[self.lpips], after

    @property
    def _steps_each(self) -> int:
        choices = self._workshop.choices
        return ceil(choices.steps * (1 + (choices.restarts - 1) * PRUNED_AT))

    def _project(self, batch: Planned) -> Iterator[int]:
        subjects = [self._subjects[key] for key in batch.keys]
        search = self._workshop.search(subjects, batch.class_index, self.folder.state(batch))
        steps = search.steps_done
        yield steps
        for taken in search.run():
            steps += taken
            yield taken
        yield max(0, len(subjects) * self._steps_each - steps)
        names = dict(zip(batch.keys, batch.names, strict=True))
        records = [
            self._workshop.measured(
                self._subjects[found.key], found, names[found.key], batch.class_index
            )
            for found in search.found()
        ]
        self.folder.keep(batch, records)
        self.folder.state(batch).unlink(missing_ok=True)

    def _planned(self) -> list[Planned]:
        """Return batches of what is missing: unfinished ones first, then new ones."""
        done = set(self.folder.keys())
        begun = [
            batch
            for batch in self.folder.planned()
            if not done.issuperset(batch.keys)
            and (self.folder.results(batch).exists() or self._subjects.keys() >= set(batch.keys))
        ]
        known = done.union(*(batch.keys for batch in begun))
        new = [subject for key, subject in self._subjects.items() if key not in known]
        there = chain(names_in(self.folder.hdf5), *(batch.names for batch in begun))
        return [*begun, *self._cut(new, set(map(str.casefold, there)))]

    def _cut(self, subjects: Sequence[Subject], taken: set[str]) -> Iterator[Planned]:
        """Yield new batches, each of one class, under names that are not taken."""
        size = self._workshop.batch
        classes = dict(zip(subjects, self._workshop.classes(subjects), strict=True))

        def kind(subject: Subject) -> tuple[bool, int]:
            return subject.is_check, classes[subject] or 0

        for (checks, _), group in groupby(sorted(subjects, key=kind), kind):
            members = list(group)
            for start in range(0, len(members), size):
                part = members[start : start + size]
                yield Planned(
                    keys=tuple(subject.key for subject in part),
                    names=tuple(free_name(subject.name, taken) for subject in part),
                    class_index=classes[part[0]],
                    checks=checks,
                )

    def _header(self) -> StudyHeader:
        network, detector = self._workshop.network, self._workshop.detector
        return StudyHeader(
            study=STUDY,
            request={
                **self._workshop.choices.request(),
                "detector": detector.name,
                "detector_sha256": detector.sha256,
            },
            axes={AXIS: ()},
            sheets=("projected",),
            recipe=dumps(network.recipe),
            network_sha256=network.sha256,
        )
