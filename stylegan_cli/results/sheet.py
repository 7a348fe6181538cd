"""The composed picture of a study: its images in rows and columns, with their names."""

from math import ceil, sqrt

from stylegan_cli.results.header import Header
from stylegan_cli.results.layout import Content, paint
from stylegan_cli.results.store import SOURCES, StudyFile
from stylegan_cli.shapes import Picture

SETTINGS = ("psi", "cutoff", "noise_mode", "class")


def compose(file: StudyFile, sheet: int) -> Picture:
    """One sheet of a study: two axes as a matrix with its sources, one axis line by line.

    Args:
        sheet: Position among the header's sheets.
    """
    content = (_matrix if len(file.header.axes) == 2 else _lines)(file, sheet)
    return paint(content, file.resolution, lambda place: file.image(*place))


def _lines(file: StudyFile, sheet: int) -> Content:
    ((_, names),) = file.header.axes.items()
    length = _line_length(len(names))
    slots = [divmod(i, length) for i in range(len(names))]
    leading = _leading(file.header, sheet)
    return Content(
        title=_title(file.header, sheet),
        images={slot: ("/", (*leading, i)) for i, slot in enumerate(slots)},
        captions=dict(zip(slots, names, strict=True)),
    )


def _matrix(file: StudyFile, sheet: int) -> Content:
    (row_axis, rows), (col_axis, cols) = file.header.axes.items()
    beside = int(row_axis + SOURCES in file.tables)
    above = int(col_axis + SOURCES in file.tables)
    leading = _leading(file.header, sheet)
    mixed = {
        (above + row, beside + col): ("/", (*leading, row, col))
        for row in range(len(rows))
        for col in range(len(cols))
    }
    left = {(above + i, 0): (row_axis + SOURCES, (i,)) for i in range(len(rows) * beside)}
    top = {(0, beside + i): (col_axis + SOURCES, (i,)) for i in range(len(cols) * above)}
    return Content(
        title=_title(file.header, sheet),
        images={**mixed, **left, **top},
        row_names={above + i: f"{row_axis} {name}" for i, name in enumerate(rows)},
        col_names={beside + i: f"{col_axis} {name}" for i, name in enumerate(cols)},
        sources=(above, beside),
    )


def _leading(header: Header, sheet: int) -> tuple[int, ...]:
    return (sheet,) if len(header.sheets) > 1 else ()


def _title(header: Header, sheet: int) -> str:
    settings = [(key.replace("_", " "), header.request.get(key)) for key in SETTINGS]
    said = [
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in settings
        if value is not None
    ]
    return " · ".join([header.study, header.sheets[sheet], *said])


def _line_length(count: int) -> int:
    """Images a line: near square, with as few empty places as may be."""
    lengths = range(ceil(sqrt(count)), ceil(2 * sqrt(count)) + 1)
    return min(lengths, key=lambda length: (-count % length, length))
