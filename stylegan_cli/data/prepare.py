"""Images of any kind → a data set of squares of one size."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stylegan_cli import __version__
from stylegan_cli.data.annotations import AnnotationColumns
from stylegan_cli.data.entries import Entry, Source, entry_path, printable
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.pictures import (
    Target,
    UnusableImageError,
    fit_square,
    reasons,
    usual_resolution,
)
from stylegan_cli.data.sources import open_source
from stylegan_cli.data.writers import Writer, open_writer
from stylegan_cli.errors import DataError

AHEAD_PER_WORKER = 4


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What to make of images, and where.

    Attributes:
        classes: True makes the first sub-folder of every image its class, and an image without
            one an error; False drops all labels; None labels where every image has one.
        workers: Threads that decode and resize; None is one per core.
    """

    destination: Path
    target: Target
    classes: bool | None = None
    workers: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One image dealt with, and the counts up to it.

    Attributes:
        name: The image, as its source calls it.
        problem: Why it was left out; None if it was not.
        enlarged: Images so far that were smaller than wanted.
    """

    name: str
    problem: str | None
    written: int
    skipped: int
    enlarged: int


@dataclass(frozen=True, kw_only=True)
class _Job:
    source: Source
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class _Result:
    job: _Job
    encoded: Any = None
    enlarged: bool = False
    problem: str | None = None


def prepare(sources: Sequence[Source], request: Preparation) -> Iterator[Progress]:
    """Write the data set, telling of every image.

    The file depends on the images and the target only, not on the number of workers.

    Raises:
        DataError: None of the images can be used, or a label is missing.
        OutputError: The destination is taken or cannot be written.
    """
    columns = AnnotationColumns([name for source in sources for name in source.classes])
    progress = Progress(name="", problem=None, written=0, skipped=0, enlarged=0)
    with (
        open_writer(request.destination, overwrite=request.overwrite) as writer,
        closing(_results(sources, request, writer)) as results,
    ):
        for number, result in enumerate(results):
            if result.problem is None:
                columns.add(_labelled(result.job, request.classes))
                writer.add(number, result.encoded)
            progress = _counted(progress, result)
            yield progress
        if not progress.written:
            raise nothing_usable(sources)
        provenance = _provenance(sources, request.target, progress)
        writer.finish(columns.finish(), {**provenance, "request": _fingerprint(sources, request)})


def is_prepared(sources: Sequence[Source], request: Preparation) -> bool:
    """Whether the destination holds what this very request makes of these images."""
    if not request.destination.exists():
        return False
    try:
        with closing(open_source(request.destination)) as made:
            return made.prepared.get("request") == _fingerprint(sources, request)
    except DataError:
        return False


def first_usual_resolution(sources: Sequence[Source]) -> int:
    """Resolution for which the first usable image need not be enlarged.

    Raises:
        DataError: No image can be used.
    """
    for job in _jobs(sources):
        try:
            with reasons():
                return usual_resolution(*job.source.open(job.entry).size)
        except UnusableImageError:
            continue
    raise nothing_usable(sources)


def nothing_usable(sources: Sequence[Source]) -> DataError:
    """The error of sources without a single usable image."""
    names = ", ".join(source.name or "the files" for source in sources)
    return DataError(f"{names}: no usable image; PNG, JPEG, WebP, BMP, TIFF and GIF are read")


def _results(
    sources: Sequence[Source], request: Preparation, writer: Writer
) -> Generator[_Result, None, None]:
    workers = request.workers or usual_workers()
    return ordered_map(
        lambda job: _make(job, request.target, writer),
        _jobs(sources),
        workers=workers,
        ahead=AHEAD_PER_WORKER * workers,
    )


def _jobs(sources: Sequence[Source]) -> Iterator[_Job]:
    for source in sources:
        for entry in source.entries():
            yield _Job(source=source, entry=entry)


def _make(job: _Job, target: Target, writer: Writer) -> _Result:
    try:
        with reasons():
            fitted = fit_square(job.source.open(job.entry), target)
            encoded = writer.encode(fitted.pixels)
    except UnusableImageError as error:
        return _Result(job=job, problem=printable(str(error)))
    return _Result(job=job, encoded=encoded, enlarged=fitted.enlarged)


def _labelled(job: _Job, classes: bool | None) -> Entry:
    if classes is False:
        return replace(job.entry, label=None)
    if classes and job.entry.label is None:
        name = entry_path(job.source, job.entry)
        raise DataError(
            f"{name}: in no sub-folder, so without a class; move it into one or drop --classes"
        )
    return job.entry


def _counted(before: Progress, result: _Result) -> Progress:
    usable = result.problem is None
    return Progress(
        name=entry_path(result.job.source, result.job.entry),
        problem=result.problem,
        written=before.written + usable,
        skipped=before.skipped + (not usable),
        enlarged=before.enlarged + result.enlarged,
    )


def _fingerprint(sources: Sequence[Source], request: Preparation) -> str:
    """Equal for equal requests on equal images, as far as that is cheap to know."""
    digest = hashlib.sha256(repr((asdict(request.target), request.classes)).encode())
    for source in sources:
        known = (source.name, source.classes, dict(source.prepared))
        digest.update(repr(known).encode("utf-8", "surrogateescape"))
        for entry in source.entries():
            image = (entry.name, entry.mark, entry.label)
            digest.update(repr(image).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _provenance(sources: Sequence[Source], target: Target, progress: Progress) -> dict[str, Any]:
    """How the images were made, with what is known of how their sources were."""
    return {
        "tool": f"sgtool {__version__}",
        **asdict(target),
        "images": progress.written,
        "skipped": progress.skipped,
        "enlarged": progress.enlarged,
        "sources": [
            {"name": printable(Path(source.name).name), "prepared": dict(source.prepared)}
            for source in sources
        ],
    }
