"""Images of any kind → a data set of pictures of one size."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stylegan_cli import __version__
from stylegan_cli.data import Entry, Source, entry_path, printable, shortened
from stylegan_cli.data.account import (
    FRAMES,
    Account,
    Findings,
    Labelling,
    Progress,
    groups_of,
    labelling,
    merged,
    remarks_on_depth,
    remarks_on_frames,
)
from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.labels import AnnotationColumns
from stylegan_cli.data.levels import has_halves, own_levels
from stylegan_cli.data.pictures import Target, fit_picture, is_stack, usual_resolution
from stylegan_cli.data.sources import fingerprint, open_source
from stylegan_cli.data.writers import Writer, open_writer
from stylegan_cli.errors import DataError
from stylegan_cli.files import refuse_same
from stylegan_cli.runtime import ordered_map
from stylegan_cli.sizes import Size

UNLABELLED = "no label"
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
class _Encoded(Progress):
    """One image in the form of the data set."""

    encoded: Any
    enlarged: bool


def prepare(sources: Sequence[Source], request: Preparation) -> Iterator[Progress]:
    """Write the data set, yielding the progress after every image.

    The file depends on the images and the target only, not on the number of workers.

    Raises:
        DataError: None of the images can be used, or only some have a label.
        OutputError: The destination is taken or cannot be written.
    """
    for source in sources:
        refuse_same(request.destination, source.name)
    if request.classes is not False:
        _check_labels(labelling(sources), request)
    columns = AnnotationColumns(
        [name for source in sources for name in source.classes],
        next((source.label_names for source in sources if source.label_names), ()),
    )
    findings, enlarged = Findings(), 0
    with (
        open_writer(request.destination, overwrite=request.overwrite) as writer,
        closing(
            ordered_map(
                lambda image: _make(*image, request, writer),
                _entries(sources),
                workers=request.workers,
            )
        ) as images,
    ):
        for number, image in enumerate(images):
            findings.add(image)
            if isinstance(image, _Encoded):
                entry = image.entry
                columns.add(replace(entry, label=None) if request.classes is False else entry)
                writer.add(number, image.encoded)
                enlarged += image.enlarged
            yield image
        if not findings.taken:
            raise nothing_usable(sources, findings.first_problem)
        counts = {"images": findings.taken, "skipped": number + 1 - findings.taken}
        provenance = _provenance(sources, request.target, {**counts, "enlarged": enlarged})
        found = {
            "left_out": {k: asdict(group) for k, group in findings.left_out.finish().items()},
            "frames": {k: asdict(group) for k, group in findings.frames.finish().items()},
            "deep_range": [findings.deep_range] if findings.deep_range else [],
        }
        provenance |= {key: value for key, value in found.items() if value}
        writer.finish(columns.finish(), {**provenance, "request": _fingerprint(sources, request)})


def account(sources: Sequence[Source], made: Source) -> Account:
    """Return what became of the images of some sources in the data set made of them."""
    how = made.prepared
    labels = Counter(entry.label for entry in made.entries() if isinstance(entry.label, str))
    known = labelling(sources)
    lost = [name for name in known.classes if name not in labels] if labels else []
    deep = [(low, high) for low, high in how.get("deep_range", [])]
    is_idle = "levels" in how and not deep and not any(map(has_halves, sources))
    idle = "`levels` change nothing: no image has more than 8 bits a channel"
    return Account(
        taken=how["images"],
        left_out=groups_of(how.get("left_out")),
        passed=merged(source.tally().passed for source in sources),
        classes={name: labels[name] for name in made.classes},
        remarks=[
            *(known.remarks if made.classes or not known.labelled else []),
            *([f"classes without a usable image are gone: {shortened(lost)}"] if lost else []),
            *(remarks_on_depth(deep[0]) if deep and "levels" not in how else []),
            *([idle] if is_idle else []),
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
    """Return the side of the largest square for which the first usable image is not enlarged."""
    problem = ""
    for source, entry in _entries(sources):
        try:
            with reasons(), source.open(entry) as image:
                return usual_resolution(Size(image.size[1], image.size[0]))
        except UnusableImageError as error:
            problem = problem or printable(f"{entry_path(source, entry)}: {error}")
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


def _entries(sources: Sequence[Source]) -> Iterator[tuple[Source, Entry]]:
    for source in sources:
        for entry in source.entries():
            yield source, entry


def _make(source: Source, entry: Entry, request: Preparation, writer: Writer) -> Progress:
    name = entry_path(source, entry)
    if request.labelled_only and entry.label is None:
        return Progress(name=name, entry=entry, problem=UNLABELLED)
    try:
        with reasons(), source.open(entry) as image:
            own = own_levels(source)
            target = replace(request.target, levels=request.target.levels or own)
            fitted = fit_picture(image, target)
            return _Encoded(
                name=name,
                entry=entry,
                encoded=writer.encode(fitted.pixels),
                enlarged=fitted.enlarged,
                frames=image.frames and not is_stack(image, target),
                deep_range=image.deep_range if own is None else None,
            )
    except UnusableImageError as error:
        return Progress(name=name, entry=entry, problem=printable(str(error)))


def _check_labels(known: Labelling, request: Preparation) -> None:
    if request.labelled_only and not known.labelled:
        raise DataError("none of the images has a label; leave `labelled_only` out")
    if request.classes and known.labelled < known.images:
        raise DataError(
            f"{known.bare}: in no sub-folder, so without a class; move it into one or leave "
            "`classes` out"
        )
    if request.labelled_only:
        return
    if known.names_no_image:
        raise DataError("\n".join([*known.remarks, "choose `classes=False` to drop all labels"]))
    if 0 < known.labelled < known.images:
        unclear = (
            f"{known.images - known.labelled} of {known.images} images have no label or lie in no "
            f"sub-folder, such as {known.bare}, unlike {known.example}; choose `labelled_only` to "
            "leave them out, or `classes=False` to drop all labels"
        )
        raise DataError("\n".join([*known.remarks, unclear]))


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


def _provenance(
    sources: Sequence[Source], target: Target, counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return how the images were made, including what their sources tell of theirs."""
    options = {key: value for key, value in asdict(target).items() if value is not None}
    return {
        "tool": f"sgtool {__version__}",
        **options,
        **counts,
        "sources": [
            {"name": printable(Path(source.name).name), "prepared": dict(source.prepared)}
            for source in sources
        ],
    }
