"""The composed pictures of a study: images in rows and columns, with names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product, repeat
from math import ceil, isqrt, log, sqrt

from stylegan_cli.figures.layout import (
    Content,
    Page,
    PlacedImage,
    PlacedWords,
    Read,
    Slot,
    arrange,
    font,
    line_height,
    paint_page,
)
from stylegan_cli.rendering.header import SOURCES, StudyHeader
from stylegan_cli.rendering.store import StudyFile
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size

LARGE, SMALL = 256, 64
"""Sides of the largest images at least, and of the smallest, in pixels."""

LEVELS = 4
MOST_IMAGES, MOST_COLUMNS = 500, 6
ASPECT, SHARE_OF_LARGE = 1.5, 0.45
"""Ideal page: width over height, and the share of the largest images."""

MAX_SIDE = 2**13


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of images, with half the image size at each further level.

    Attributes:
        rows: Images in a column of level 0; a column of level k holds 2ᵏ times as many.
        levels: Of each column, from the left.
    """

    rows: int
    levels: tuple[int, ...]

    @property
    def capacity(self) -> int:
        return self.rows * sum(1 << level for level in self.levels)

    @property
    def width(self) -> float:
        """Return the width in images of level 0."""
        return sum(0.5**level for level in self.levels)


def arrange_collage(reads: Sequence[Read], native: Size, title: str) -> Page:
    """Arrange the images from large to small.

    Args:
        reads: At most `MOST_IMAGES`.
        native: Size of the study's images.
    """
    size = native.times(max(1, ceil(LARGE / native.longer)))
    levels = [k for k in range(LEVELS) if size.longer >> k >= SMALL]
    columns = choose_columns(len(reads), levels, shape=size.width / size.height)
    while max(columns.rows * size.height, columns.width * size.width) > MAX_SIDE and not (
        size.height % 2 or size.width % 2
    ):
        size >>= 1
    text = max(12, size.longer // 16)
    margin = max(8, size.longer // 32)
    top = 2 * margin + line_height(text)
    images = tuple(
        PlacedImage(read=read, x=margin + x, y=top + y, size=small)
        for read, (x, y, small) in zip(reads, _pictures(columns, size), strict=False)
    )
    width = max(round(columns.width * size.width), ceil(font(text).getlength(title)))
    words = PlacedWords(text=title, x=margin, y=margin, size=text, anchor="la")
    height = columns.rows * size.height + top + margin
    return Page(size=(width + 2 * margin, height), images=images, words=(words,))


def choose_columns(count: int, levels: Sequence[int], *, shape: float = 1.0) -> Columns:
    """Choose the columns of a collage: few empty places, a wide page, many sizes.

    Args:
        shape: Width of an image over its height.
    """
    candidates = (
        Columns(rows=rows, levels=tuple(chain.from_iterable(map(repeat, levels, columns))))
        for rows in range(1, isqrt(count) + 2)
        for columns in product(
            range(1, MOST_COLUMNS + 1), *[range(MOST_COLUMNS + 1)] * len(levels[1:])
        )
    )
    enough = (each for each in candidates if each.capacity >= count)
    return min(enough, key=lambda each: _badness(each, count, shape))


def _badness(columns: Columns, count: int, shape: float) -> float:
    empty = (columns.capacity - count) / count
    form = abs(log(columns.width * shape / columns.rows / ASPECT))
    share = abs(log(columns.levels.count(0) / columns.width / SHARE_OF_LARGE))
    return 4 * empty + form + share - len(set(columns.levels))


def _pictures(columns: Columns, size: Size) -> Iterator[tuple[int, int, Size]]:
    """Yield x, y and size of each place, column by column."""
    x = 0
    for level in columns.levels:
        small = size >> level
        yield from ((x, row * small.height, small) for row in range(columns.rows << level))
        x += small.width


SETTINGS = ("psi", "cutoff", "noise_mode", "class")
USUAL = {"psi": 1.0, "noise_mode": "const"}
IN_WORDS = {"row": "seed", "col": "seed", "mean": "mean of W", "strength": ""}
BANDS = "bands"
"""A study with this picture shows all its sheets on one, too."""

EXPLAINED = "these layers from the columns, all others from the rows"
COLLAGE = "collage"
"""A study whose request has this layout shows its images in several sizes."""


def compose(file: StudyFile, sheet: int) -> Picture:
    """Draw one sheet of a study as a picture.

    Args:
        sheet: Position among the header's sheets.
    """
    return paint_page(sheet_page(file, sheet))


def compose_bands(file: StudyFile) -> Picture:
    """Draw all sheets of a study of matrices in one picture."""
    return paint_page(bands_page(file))


def pages(file: StudyFile) -> dict[str, Page]:
    """Return every page of the study by the suffix of its picture's name, "" for none."""
    sheets = file.header.sheets
    names = sheets if len(sheets) > 1 else ("",)
    found = {name: sheet_page(file, sheet) for sheet, name in enumerate(names)}
    return found | ({BANDS: bands_page(file)} if BANDS in file.header.pictures else {})


def sheet_page(file: StudyFile, sheet: int) -> Page:
    """Lay out one sheet: two axes as a matrix with sources, one as lines or a collage.

    Args:
        sheet: Position among the header's sheets.
    """
    if len(file.header.axes) == 2:
        return arrange(_matrix(file, [sheet]), file.size)
    content = _lines(file, sheet)
    if file.header.request.get("layout") == COLLAGE:
        return arrange_collage([*content.images.values()], file.size, content.title)
    return arrange(content, file.size)


def bands_page(file: StudyFile) -> Page:
    """Lay out the matrices of all sheets below each other, under one row of column sources."""
    return arrange(_matrix(file, range(len(file.header.sheets))), file.size)


def _lines(file: StudyFile, sheet: int) -> Content:
    ((_, names),) = file.header.axes.items()
    length = _line_length(len(names))
    slots = [divmod(i, length) for i in range(len(names))]
    leading = _leading(file.header, sheet)
    return Content(
        title=_title(file.header, file.header.sheets[sheet]),
        images={slot: partial(file.image, "/", (*leading, i)) for i, slot in enumerate(slots)},
        captions=dict(zip(slots, names, strict=True)),
    )


def _matrix(file: StudyFile, sheets: Sequence[int]) -> Content:
    """Lay out the matrices of these sheets below each other, under one row of column sources."""
    header = file.header
    (row_axis, rows), (col_axis, cols) = header.axes.items()
    alone = _alone(file)
    beside = int(row_axis + SOURCES in file.tables or bool(alone))
    above = int(col_axis + SOURCES in file.tables)
    tops = {sheet: above + band * len(rows) for band, sheet in enumerate(sheets)}
    several = len(sheets) > 1
    return Content(
        title=_title(header, EXPLAINED if several else header.sheets[sheets[0]]),
        images=dict(_matrix_images(file, tops, (above, beside))),
        row_names={
            top + i: called(row_axis, name) for top in tops.values() for i, name in enumerate(rows)
        },
        col_names={beside + i: called(col_axis, name) for i, name in enumerate(cols)}
        | {i: IN_WORDS.get(table, table) for i, table in enumerate(alone)},
        bands={top: header.sheets[sheet] for sheet, top in tops.items()} if several else {},
        sources=(above, beside),
    )


def _matrix_images(
    file: StudyFile, tops: Mapping[int, int], sources: tuple[int, int]
) -> Iterator[tuple[Slot, Read]]:
    """Place the images of matrices, given the first row of each sheet."""
    (row_axis, rows), (col_axis, cols) = file.header.axes.items()
    above, beside = sources
    for i, table in enumerate(_alone(file)):
        yield (above + i, 0), partial(file.image, table, ())
    for col in range(len(cols) * above):
        yield (0, beside + col), partial(file.image, col_axis + SOURCES, (col,))
    for (sheet, top), row in product(tops.items(), range(len(rows))):
        if row_axis + SOURCES in file.tables:
            yield (top + row, 0), partial(file.image, row_axis + SOURCES, (row,))
        for col in range(len(cols)):
            index = (*_leading(file.header, sheet), row, col)
            yield (top + row, beside + col), partial(file.image, "/", index)


def called(axis: str, name: str) -> str:
    """Return the label of a position: `seed 3`, or the name of a class or file alone."""
    try:
        float(name)
    except ValueError:
        return name
    return f"{IN_WORDS.get(axis, axis)} {name}".lstrip()


def _alone(file: StudyFile) -> list[str]:
    """Return the tables of one image that belong to no row."""
    return [table for table in file.tables if file.done(table).ndim == 0]


def _leading(header: StudyHeader, sheet: int) -> tuple[int, ...]:
    return (sheet,) if len(header.sheets) > 1 else ()


def _title(header: StudyHeader, what: str) -> str:
    request = header.request
    said = ((key, request.get(key)) for key in SETTINGS if request.get(key) != USUAL.get(key))
    # of several strengths each stands at its place
    words = (_in_words(key, value) for key, value in said if not isinstance(value, list))
    return " · ".join([header.study, what, *words])


def _in_words(key: str, value: object) -> str:
    name = key.replace("_", " ")
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _line_length(count: int) -> int:
    """Return the number of images a line: near square, with few empty places."""
    lengths = range(ceil(sqrt(count)), ceil(2 * sqrt(count)) + 1)
    return min(lengths, key=lambda length: (-count % length, length))
