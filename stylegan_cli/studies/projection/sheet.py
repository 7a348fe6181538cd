"""The sheet of a projection: a row per picture, from the target to the residual."""

from collections.abc import Sequence

import numpy as np

from stylegan_cli.figures.layout import Content, Place, Slot, paint
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size
from stylegan_cli.studies.projection.records import Record

COLUMNS = ("target", "start", "result", "plain", "difference")
TITLES = {"plain": "network's noise", "difference": "difference x4"}
GAIN = 4
TABLES = {"target": "targets", "start": "starts", "result": "/", "plain": "plain"}


def paint_sheet(records: Sequence[Record], lpips: str) -> Picture:
    """Paint the sheet.

    Args:
        lpips: Name of the perceptual distance among the measures.
    """
    rows, columns = range(len(records)), _columns(records)
    content = Content(
        title=f"projected · {len(records)} pictures",
        images={(row, col): (name, (row,)) for row in rows for col, name in enumerate(columns)},
        row_names={row: records[row].name for row in rows},
        col_names={col: TITLES.get(name, name) for col, name in enumerate(columns)},
        captions=dict(_captions(records, columns, lpips)),
    )

    def read(place: Place) -> Picture:
        name, (row,) = place
        return _image(records[row], name)

    return paint(content, Size(*records[0].cells["/"]["images"].shape[:2]), read)


def _columns(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the columns to show; the network's own noise only if there is another."""
    return tuple(name for name in COLUMNS if name != "plain" or records[0].noise)


def _captions(
    records: Sequence[Record], columns: Sequence[str], lpips: str
) -> list[tuple[Slot, str]]:
    suffixes = {"start": "_start", "result": "", "plain": "_plain"}
    found = []
    for row, record in enumerate(records):
        measures = record.measures
        for col, name in enumerate(columns):
            if name in suffixes:
                found.append(((row, col), f"{measures[lpips + suffixes[name]]:.3f}"))
            elif name == "difference":
                found.append(((row, col), f"{measures['psnr']:.1f} dB"))
    return found


def _image(record: Record, name: str) -> Picture:
    if name != "difference":
        image: Picture = np.asarray(record.cells[TABLES[name]]["images"])
        return image
    result, target = (_image(record, each)[..., :3].astype(int) for each in ("result", "target"))
    difference: Picture = np.minimum(GAIN * np.abs(result - target), 255).astype(np.uint8)
    return difference
