"""Pictures of a projection: the sheet, from target to residual, and the video of a search."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from stylegan_cli.figures.layout import Content, Place, Slot, paint
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size
from stylegan_cli.studies.projection.findings import Studio
from stylegan_cli.studies.projection.states import Record
from stylegan_cli.studies.video.encoding import Reel, write_animation

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
    return tuple(
        name for name in COLUMNS if name != "plain" or records[0].codes.own_noise is not None
    )


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


FPS, MOVING, RESTING = 25.0, 75, 25
"""Frames a second, those of the way, and those at its end."""
QUALITY = 90
SMALLEST = 256
"""Side of each half at least, in pixels."""


def write_film(path: Path, record: Record, studio: Studio) -> None:
    """Write the video of a picture; frames are spaced by how much the image changes.

    Raises:
        OutputError: It cannot be written, or there is no ffmpeg.
    """
    cells, codes = record.cells["/"], record.codes
    offsets = cells.get("style_trajectory", [None] * len(cells["trajectory"]))
    way = [
        replace(codes, ws=ws[None], style_offsets=None if beside is None else beside[None])
        for ws, beside in zip(cells["trajectory"], offsets, strict=True)
    ]
    images = [*map(studio.draw, way), cells["images"]]
    target = record.cells["targets"]["images"]
    stops = frame_stops(images)
    reel = Reel(frames=len(stops), fps=FPS, quality=QUALITY)
    write_animation(path, lambda i: _halves(target, images[stops[i]]), reel)


def frame_stops(images: Sequence[Picture]) -> Int64[np.ndarray, " frames"]:
    """Return which image each frame shows: equal changes from frame to frame, then the last."""
    way = np.concatenate([[0.0], np.cumsum(_changes(images))])
    wanted = np.linspace(0, way[-1], MOVING)
    stops = np.searchsorted(way, wanted, side="right") - 1
    return np.concatenate([stops, np.full(RESTING, len(images) - 1)])


def _changes(images: Sequence[Picture]) -> Float64[np.ndarray, " steps"]:
    """Return the mean difference of each image from the one before."""
    pixels = np.stack(images).astype(np.float64)
    changes: np.ndarray = np.abs(np.diff(pixels, axis=0)).mean((1, 2, 3))
    return changes


def _halves(target: Picture, image: Picture) -> UInt8[np.ndarray, "_ _ channels"]:
    both = np.concatenate([target, image], axis=1)
    factor = -(-SMALLEST // len(image))
    enlarged: np.ndarray = both.repeat(factor, axis=0).repeat(factor, axis=1)
    return enlarged
