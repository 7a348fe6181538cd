"""Images of any kind → a data set of pictures of one size."""

import hashlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stylegan_cli import __version__
from stylegan_cli.data.account import (
    Account,
    Labelling,
    general_reason,
    groups_json,
    groups_of,
    labelling,
    merged,
    remarks_on_depth,
    remarks_on_frames,
)
from stylegan_cli.data.annotations import AnnotationColumns
from stylegan_cli.data.decoding import Levels, reasons
from stylegan_cli.data.entries import Entry, Groups, Source, entry_path, printable, shortened
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.parallel import ordered_map, usual_workers
from stylegan_cli.data.pictures import Target, fit_picture, is_stack, usual_resolution
from stylegan_cli.data.prepared import own_levels
from stylegan_cli.data.sources import fingerprint, open_source
from stylegan_cli.data.writers import Writer, open_writer
from stylegan_cli.errors import DataError
from stylegan_cli.sizes import Size

AHEAD_PER_WORKER = 4
UNLABELLED = "no label"
FRAMES = "several frames"
BYTES = ("store", None)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Data set to make, and its place.

    Attributes:
        classes: True makes the first sub-folder of every image its class, and an image without
            one an error; False drops all labels; None labels the images if all have one.
        labelled_only: Leave out images without a label, where others have one.
        workers: Threads that decode and resize; None is one per core.
    """

    destination: Path
    target: Target
    classes: bool | None = None
    labelled_only: bool = False
    workers: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One image that is done, and the counts up to it.

    Attributes:
        name: Path of the image.
        problem: Reason why it is left out; None if it is not.
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

    @property
    def name(self) -> str:
        return entry_path(self.source, self.entry)


@dataclass(frozen=True, kw_only=True)
class _Result:
    job: _Job
    encoded: Any = None
    enlarged: bool = False
    frames: bool = False
    deep_range: Levels | None = None
    problem: str | None = None


def prepare(sources: Sequence[Source], request: Preparation) -> Iterator[Progress]:
    """Write the data set, yielding the progress after every image.

    The file depends on the images and the target only, not on the number of workers.

    Raises:
        DataError: None of the images can be used, or some have a label and some have not.
        OutputError: The destination is taken or cannot be written.
    """
    if request.classes is not False:
        _check_labels(labelling(sources), request)
    columns = AnnotationColumns(
        [name for source in sources for name in source.classes],
        next((source.label_names for source in sources if source.label_names), ()),
    )
    findings = _Findings()
    progress = Progress(name="", problem=None, written=0, skipped=0, enlarged=0)
    with (
        open_writer(request.destination, overwrite=request.overwrite) as writer,
        closing(_results(sources, request, writer)) as results,
    ):
        for number, result in enumerate(results):
            if result.problem is None:
                entry = result.job.entry
                columns.add(replace(entry, label=None) if request.classes is False else entry)
                writer.add(number, result.encoded)
            findings.add(result)
            progress = _counted(progress, result)
            yield progress
        if not progress.written:
            raise nothing_usable(sources, findings.first_problem)
        provenance = {**_provenance(sources, request.target, progress), **findings.known()}
        writer.finish(columns.finish(), {**provenance, "request": _fingerprint(sources, request)})


class _Findings:
    """Facts about the images that the user should know, collected as they come."""

    def __init__(self) -> None:
        self.first_problem = ""
        self._left_out = Groups()
        self._frames = Groups()
        self._deep_ranges: list[Levels] = []

    def add(self, result: _Result) -> None:
        if result.problem is not None:
            self._left_out.add(general_reason(result.problem), result.job.name)
            self.first_problem = self.first_problem or f"{result.job.name}: {result.problem}"
        if result.frames:
            self._frames.add(FRAMES, result.job.name)
        if result.deep_range is not None:
            lows, highs = zip(*self._deep_ranges, result.deep_range, strict=True)
            self._deep_ranges = [(min(lows), max(highs))]

    def known(self) -> dict[str, Any]:
        """Return what was found as JSON holds it; nothing where there is nothing to tell."""
        found = {
            "left_out": groups_json(self._left_out.finish()),
            "frames": groups_json(self._frames.finish()),
            "deep_range": self._deep_ranges[:1],
        }
        return {key: value for key, value in found.items() if value}


def account(sources: Sequence[Source], made: Source) -> Account:
    """Return what became of the images of some sources in the data set made of them."""
    how = made.prepared
    labels = Counter(entry.label for entry in made.entries() if isinstance(entry.label, str))
    known = labelling(sources)
    lost = [name for name in known.classes if name not in labels] if labels else []
    deep = [(low, high) for low, high in how.get("deep_range", [])]
    return Account(
        taken=how["images"],
        left_out=groups_of(how.get("left_out")),
        passed=merged(source.tally().passed for source in sources),
        classes={name: labels[name] for name in made.classes},
        remarks=[
            *(known.remarks if made.classes or not known.labelled else []),
            *([f"classes without a usable image are gone: {shortened(lost)}"] if lost else []),
            *(remarks_on_depth(deep[0]) if deep and "levels" not in how else []),
            *remarks_on_frames(groups_of(how.get("frames")).get(FRAMES)),
        ],
    )


def is_prepared(sources: Sequence[Source], request: Preparation) -> bool:
    """Return whether the destination holds just what this request makes of these images."""
    if not request.destination.exists():
        return False
    try:
        with closing(open_source(request.destination)) as made:
            return made.prepared.get("request") == _fingerprint(sources, request)
    except DataError:
        return False


def first_usual_resolution(sources: Sequence[Source]) -> int:
    """Return the side of the largest square for which the first usable image is not enlarged.

    Raises:
        DataError: No image can be used.
    """
    problem = ""
    for job in _jobs(sources):
        try:
            with reasons(), job.source.open(job.entry) as image:
                return usual_resolution(Size(image.size[1], image.size[0]))
        except UnusableImageError as error:
            problem = problem or printable(f"{job.name}: {error}")
    raise nothing_usable(sources, problem)


def nothing_usable(sources: Sequence[Source], problem: str) -> DataError:
    """Return the error of sources without a single usable image.

    Args:
        problem: The first image with the reason why it is left out; empty if there is none.
    """
    names = ", ".join(source.name or "the files" for source in sources)
    passed = merged(source.tally().passed for source in sources)
    others = "".join(
        f"; passed over: {group.count} {reason}, such as {group.example}"
        for reason, group in passed.items()
    )
    known = problem or "PNG, JPEG, WebP, AVIF, TIFF and what else Pillow decodes are read"
    return DataError(f"{names}: no usable image; {known}{others}")


def _results(
    sources: Sequence[Source], request: Preparation, writer: Writer
) -> Generator[_Result, None, None]:
    workers = request.workers or usual_workers()
    return ordered_map(
        lambda job: _make(job, request, writer),
        _jobs(sources),
        workers=workers,
        ahead=AHEAD_PER_WORKER * workers,
    )


def _jobs(sources: Sequence[Source]) -> Iterator[_Job]:
    for source in sources:
        for entry in source.entries():
            yield _Job(source=source, entry=entry)


def _make(job: _Job, request: Preparation, writer: Writer) -> _Result:
    if request.labelled_only and job.entry.label is None:
        return _Result(job=job, problem=UNLABELLED)
    try:
        with reasons(), job.source.open(job.entry) as image:
            own = own_levels(job.source)
            target = replace(request.target, levels=request.target.levels or own)
            fitted = fit_picture(image, target)
            return _Result(
                job=job,
                encoded=writer.encode(fitted.pixels),
                enlarged=fitted.enlarged,
                frames=image.frames and not is_stack(image, target),
                deep_range=image.deep_range if own is None else None,
            )
    except UnusableImageError as error:
        return _Result(job=job, problem=printable(str(error)))


def _check_labels(known: Labelling, request: Preparation) -> None:
    if request.labelled_only and not known.labelled:
        raise DataError("none of the images has a label; leave `labelled_only` out")
    if request.classes and known.labelled < known.images:
        raise DataError(
            f"{known.bare}: in no sub-folder, so without a class; move it into one or leave "
            "`classes` out"
        )
    if not request.labelled_only:
        known.check_clear()


def _counted(before: Progress, result: _Result) -> Progress:
    usable = result.problem is None
    return Progress(
        name=result.job.name,
        problem=result.problem,
        written=before.written + usable,
        skipped=before.skipped + (not usable),
        enlarged=before.enlarged + result.enlarged,
    )


def _fingerprint(sources: Sequence[Source], request: Preparation) -> str:
    """Equal for equal requests on equal images, as far as that is cheap to know."""
    # bytes have no name among the options, as in the first versions
    target = {key: value for key, value in asdict(request.target).items() if (key, value) != BYTES}
    choices = (target, request.classes, request.labelled_only)
    digest = hashlib.sha256(repr(choices).encode())
    for source in sources:
        known: tuple[object, ...] = (source.name, source.classes, dict(source.prepared))
        known += (source.label_names,) if source.label_names else ()
        digest.update(repr(known).encode("utf-8", "surrogateescape"))
        digest.update(fingerprint(source, list(source.entries()), labels=True).encode())
    return digest.hexdigest()


def _provenance(sources: Sequence[Source], target: Target, progress: Progress) -> dict[str, Any]:
    """Return how the images were made, including what their sources tell of theirs."""
    options = {key: value for key, value in asdict(target).items() if value is not None}
    return {
        "tool": f"sgtool {__version__}",
        **options,
        "images": progress.written,
        "skipped": progress.skipped,
        "enlarged": progress.enlarged,
        "sources": [
            {"name": printable(Path(source.name).name), "prepared": dict(source.prepared)}
            for source in sources
        ],
    }
