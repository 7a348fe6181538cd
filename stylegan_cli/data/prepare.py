"""Images of any kind → a data set of squares of one size."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from stylegan_cli import __version__
from stylegan_cli.data.annotations import AnnotationColumns
from stylegan_cli.data.entries import Entry, Source, printable
from stylegan_cli.data.fitting import Target, fit_square, usual_resolution
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.pictures import UnusableImageError, reasons
from stylegan_cli.data.sources import open_sources
from stylegan_cli.data.writers import Writer, open_writer
from stylegan_cli.errors import DataError

AHEAD_PER_WORKER = 4


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """A request to prepare a data set.

    Attributes:
        sources: Folders, zips, HDF5 files, lists, images; in this order in the result.
        classes: True makes the first sub-folder of every image its class, and an image without
            one an error; False drops all labels; None labels where every image has a class.
        workers: Threads that decode and resize; None is one per core.
    """

    sources: Sequence[Path]
    destination: Path
    target: Target
    classes: bool | None = None
    workers: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One image dealt with, and the counts up to here.

    Attributes:
        name: The image, as its source calls it.
        problem: Why it was left out; None if it was not.
        written, skipped, enlarged: Images so far; enlarged ones were smaller than wanted.
        total: Images found in all sources.
        ignored: Other files found in them.
    """

    name: str
    problem: str | None
    written: int
    skipped: int
    enlarged: int
    total: int
    ignored: int


@dataclass(frozen=True, kw_only=True)
class _Job:
    source: Source
    entry: Entry

    @property
    def name(self) -> str:
        return printable(f"{self.source.name}/{self.entry.name}")


@dataclass(frozen=True, kw_only=True)
class _Result:
    job: _Job
    encoded: Any = None
    enlarged: bool = False
    problem: str | None = None


def prepare(request: Preparation) -> Iterator[Progress]:
    """Write the data set, telling of every image.

    The result depends on the images and the target only, not on the number of workers.

    Raises:
        DataError: A source cannot be read, none of the images can, or a label is missing.
        OutputError: The destination is taken or cannot be written.
    """
    with ExitStack() as stack:
        sources = open_sources(request.sources)
        for source in sources:
            stack.enter_context(closing(source))
        writer = stack.enter_context(open_writer(request.destination, overwrite=request.overwrite))
        yield from _write(request, sources, writer)


def first_usual_resolution(paths: Sequence[Path]) -> int:
    """Resolution for which the first usable image need not be enlarged.

    Raises:
        DataError: No image can be used.
    """
    with ExitStack() as stack:
        sources = open_sources(paths)
        for source in sources:
            stack.enter_context(closing(source))
        for job in _jobs(sources):
            try:
                with reasons():
                    return usual_resolution(*job.source.open(job.entry).size)
            except UnusableImageError:
                continue
    raise DataError(_nothing_usable(paths))


def _write(request: Preparation, sources: Sequence[Source], writer: Writer) -> Iterator[Progress]:
    tallies = [source.tally() for source in sources]
    progress = Progress(
        name="",
        problem=None,
        written=0,
        skipped=0,
        enlarged=0,
        total=sum(tally.images for tally in tallies),
        ignored=sum(tally.ignored for tally in tallies),
    )
    columns = AnnotationColumns([name for source in sources for name in source.classes])
    workers = request.workers or usual_workers()
    results = ordered_map(
        lambda job: _make(job, request.target, writer),
        _jobs(sources),
        workers=workers,
        ahead=AHEAD_PER_WORKER * workers,
    )
    with closing(results):
        for number, result in zip(count(), results, strict=False):
            if result.problem is None:
                columns.add(_labelled(result.job, request.classes))
                writer.add(number, result.encoded)
            progress = _counted(progress, result)
            yield progress
    if not progress.written:
        raise DataError(_nothing_usable(request.sources))
    writer.finish(columns.finish(), _provenance(request, progress))


def _jobs(sources: Sequence[Source]) -> Iterator[_Job]:
    for source in sources:
        for entry in source.entries():
            yield _Job(source=source, entry=entry)


def _make(job: _Job, target: Target, writer: Writer) -> _Result:
    try:
        with reasons():
            fitted = fit_square(job.source.open(job.entry), target)
            return _Result(job=job, encoded=writer.encode(fitted.pixels), enlarged=fitted.enlarged)
    except UnusableImageError as error:
        return _Result(job=job, problem=printable(str(error)))


def _labelled(job: _Job, classes: bool | None) -> Entry:
    if classes is False:
        return replace(job.entry, label=None)
    if classes and job.entry.label is None:
        raise DataError(
            f"{job.name}: in no sub-folder, so without a class; move it into one or drop --classes"
        )
    return job.entry


def _counted(before: Progress, result: _Result) -> Progress:
    usable = result.problem is None
    return replace(
        before,
        name=result.job.name,
        problem=result.problem,
        written=before.written + usable,
        skipped=before.skipped + (not usable),
        enlarged=before.enlarged + result.enlarged,
    )


def _provenance(request: Preparation, progress: Progress) -> dict[str, Any]:
    return {
        "tool": f"sgtool {__version__}",
        **asdict(request.target),
        "sources": [printable(path.name) for path in request.sources],
        "images": progress.written,
        "skipped": progress.skipped,
        "enlarged": progress.enlarged,
    }


def _nothing_usable(paths: Sequence[Path]) -> str:
    names = ", ".join(str(path) for path in paths)
    return f"{names}: no usable image; PNG, JPEG, WebP, BMP, TIFF and GIF are read"
