"""Accounts of sources: how many images are taken, what is left out and why, and their classes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

from stylegan_cli.data import (
    Entry,
    Group,
    Groups,
    Source,
    entry_path,
    folder_class,
    printable,
    shortened,
)
from stylegan_cli.data.decoding import DEEP_MAX, Levels
from stylegan_cli.data.levels import usual_levels

FRAMES = "several frames"
TOLD_APART = 64
"""Sub-folders of a class that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Every image of some sources: taken, left out, or passed over as another file.

    Attributes:
        classes: Images taken of each class.
        remarks: Further things the user should know, a sentence each.
    """

    taken: int
    left_out: Mapping[str, Group]
    passed: Mapping[str, Group]
    classes: Mapping[str, int]
    remarks: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Labels of the images of some sources, before any is opened.

    Attributes:
        bare: Images without a label, and the first of them.
        example: An image that has one.
        names_no_image: There are labels, but none of them belongs to an image here.
    """

    images: int
    labelled: int
    bare: str
    example: str
    classes: Counter[str]
    remarks: Sequence[str]
    names_no_image: bool


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One image that is done, or the reason why it is left out.

    Attributes:
        name: Path of the image, as messages show it.
        frames: The file has more, and the others are not taken.
        deep_range: Least and greatest value of pixels of more than 8 bits, if it has such.
    """

    name: str
    entry: Entry
    problem: str | None = None
    frames: bool = False
    deep_range: Levels | None = None


class Findings:
    """Facts about images that the user should know, collected as they come.

    Attributes:
        taken: Number of images that can be used.
        first_problem: The first image that cannot, with the reason; empty if there is none.
        deep_range: Of all images together.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.first_problem = ""
        self.left_out, self.frames = Groups(), Groups()
        self.deep_range: Levels | None = None

    def add(self, image: Progress) -> None:
        if image.problem is not None:
            # without what differs from image to image, such as numbers of bytes
            is_damage = image.problem.startswith("damaged")
            reason = image.problem.partition(":")[0] if is_damage else image.problem
            self.left_out.add(reason, image.name)
            self.first_problem = self.first_problem or f"{image.name}: {image.problem}"
            return
        self.taken += 1
        if image.frames:
            self.frames.add(FRAMES, image.name)
        self.deep_range = wider(self.deep_range, image.deep_range)

    def remarks(self) -> list[str]:
        depth = remarks_on_depth(self.deep_range) if self.deep_range else ()
        return [*depth, *remarks_on_frames(self.frames.finish().get(FRAMES))]


def wider(one: Levels | None, other: Levels | None) -> Levels | None:
    """Return the range of two together, either of which may not be there."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def labelling(sources: Sequence[Source]) -> Labelling:
    """Count the labels of all images, and note what is unclear about them."""
    images = labelled = 0
    bare = example = ""
    classes: Counter[str] = Counter()
    attributes: Counter[str] = Counter()
    inside: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        for entry in source.entries():
            if entry.problem is not None:
                continue
            images += 1
            attributes.update(entry.attributes.keys())
            if entry.label is None:
                bare = bare or entry_path(source, entry)
                continue
            labelled += 1
            example = example or entry_path(source, entry)
            if isinstance(entry.label, str):
                classes[entry.label] += 1
                _note_sub_folder(inside, entry, entry.label)
    known = [name for source in sources for name in source.classes]
    given = [*known, *(name for source in sources for name in source.label_names)]
    return Labelling(
        images=images,
        labelled=labelled,
        bare=bare,
        example=example,
        classes=classes,
        names_no_image=bool(given) and images > 0 and not labelled,
        remarks=[
            *(remark for source in sources for remark in source.remarks()),
            *_remarks_on_classes(classes, known),
            *_remarks_on_folders(sources, classes, inside),
            *_remarks_on_attributes(attributes, images),
        ],
    )


def remarks_on_depth(found: Levels) -> Iterator[str]:
    """Say which values pixels of 16 bits have, and what was assumed, where they come out dark.

    Args:
        found: Least and greatest value of all of them.
    """
    low, high = found
    if high > DEEP_MAX / 2:
        return
    white = min(2 ** int(high).bit_length() - 1, DEEP_MAX) if high > 1 else high or 1
    values = f"values {low:g} to {high:g}" if low < high else f"one value {low:g}"
    yield (
        f"16-bit images use the {values} of 0 to {DEEP_MAX}, which are taken for black to white, "
        f"so they come out dark; `levels=0,{white:g}` makes {white:g} white in all of them"
    )


def remarks_on_range(found: Levels) -> Iterator[str]:
    """Say that floating-point pixels, or ones beyond 16 bits, need their levels.

    Args:
        found: Least and greatest value of all of them.
    """
    low, high = usual_levels(found)
    yield (
        f"floating-point pixels, or ones beyond 16 bits, from {found[0]:g} to {found[1]:g}: they "
        f"have no agreed range; choose their `levels={low:g},{high:g}`"
    )


def remarks_on_frames(frames: Group | None) -> Iterator[str]:
    """Say of how many images only the first frame or page is taken."""
    if frames is not None:
        have = "image has" if frames.count == 1 else "images have"
        yield (
            f"{frames.count} {have} several frames or pages, such as {frames.example}; only the "
            "first is taken"
        )


def groups_of(content: Any) -> dict[str, Group]:
    """Return groups from JSON; none from anything else."""
    if not isinstance(content, dict):
        return {}
    return {
        str(reason): Group(count=int(group["count"]), example=printable(str(group["example"])))
        for reason, group in content.items()
        if isinstance(group, dict) and {"count", "example"} <= group.keys()
    }


def merged(groups: Iterable[Mapping[str, Group]]) -> dict[str, Group]:
    """Return groups of several sources as those of one."""
    found = Groups()
    for mapping in groups:
        for reason, group in mapping.items():
            found.add(reason, group.example, count=group.count)
    return found.finish()


def _note_sub_folder(inside: dict[str, set[str]], entry: Entry, label: str) -> None:
    if folder_class(entry.name) == label and len(inside[label]) < TOLD_APART:
        below, slash, _ = entry.name.partition("/")[2].partition("/")
        inside[label].add(below if slash else "")


def _remarks_on_classes(classes: Counter[str], known: Sequence[str]) -> Iterator[str]:
    empty = [name for name in dict.fromkeys(known) if name not in classes]
    if empty and classes:
        yield f"classes without an image keep their numbers: {shortened(empty)}"
    alike: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        alike["".join(normalize("NFKC", name).casefold().split())].append(name)
    for names in alike.values():
        if len(names) > 1:
            quoted = " and ".join(repr(printable(name)) for name in sorted(names))
            how = "differ only in case, blanks or Unicode form"
            yield f"the classes {quoted} {how}, and count as {len(names)}"


def _remarks_on_folders(
    sources: Sequence[Source], classes: Counter[str], inside: Mapping[str, set[str]]
) -> Iterator[str]:
    shapes = list(inside.values())
    if not shapes or len(inside) < len(classes):
        return
    below = sorted(shapes[0])
    if len(inside) == 1:
        only = printable(*inside)
        if len(below) > 1 and "" not in below:
            yield (
                f"all images lie in {only}, so there is one class; if its sub-folders "
                f"({shortened(below)}) are the classes, give {only} itself"
            )
        return
    if below != [""] and "" not in below and all(shape == shapes[0] for shape in shapes):
        parts = " ".join(
            str(Path(source.name) / name) for source in sources[:1] for name in sorted(inside)[:4]
        )
        yield (
            f"every class ({shortened(sorted(inside))}) has the same sub-folders "
            f"({shortened(below)}), as the parts of a divided data set have; if those are the "
            f"classes, give the parts one by one: {printable(parts)}"
        )
    counts = [classes[name] for name in sorted(inside)]
    if all(name.isdecimal() and len(name) > 2 for name in inside) and len(set(counts[:-1])) == 1:
        yield (
            f"the classes {shortened(sorted(inside))} are numbered folders of {counts[0]} images "
            "each, as data sets are stored in; `classes=False` drops them"
        )


def _remarks_on_attributes(attributes: Counter[str], images: int) -> Iterator[str]:
    for name, count in attributes.items():
        if count < images:
            yield (
                f"the attribute {printable(name)} is known of {count} of {images} images only, so "
                "it is left out"
            )
