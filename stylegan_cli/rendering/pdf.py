"""PDF pages: embedded images, and text that can be searched and edited."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegan_cli.figures.layout import INK, PAPER, Page, PlacedImage, PlacedWords, shrunk
from stylegan_cli.files import writing, written_whole
from stylegan_cli.rendering.header import StudyPaths
from stylegan_cli.rendering.sheet import pages
from stylegan_cli.rendering.store import open_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS_AN_INCH = 144
POINTS_AN_INCH = 72

ACROSS = {"l": "left", "m": "center", "r": "right"}
ALONG = {"a": "top", "m": "center", "s": "baseline"}


def write_pdfs(paths: StudyPaths) -> Iterator[Path]:
    """Write the composed pictures of a finished study as PDF, and yield each path."""
    with open_study(paths.hdf5) as file:
        for name, page in pages(file).items():
            path = paths.composed(name).with_suffix(".pdf")
            write_pdf(path, page, origin=file.header.origin)
            yield path


def write_pdf(path: Path, page: Page, *, origin: str) -> None:
    """Write a page, whole or not at all.

    Args:
        origin: Origin of the page, stored in it as its subject.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    width, height = page.size
    # fonts as TrueType keep the words words; each image is kept apart, at its own resolution
    with rc_context({"pdf.fonttype": 42, "image.composite_image": False}):
        figure = Figure(figsize=(width / PIXELS_AN_INCH, height / PIXELS_AN_INCH))
        figure.set_facecolor(_colour(PAPER))
        axes = figure.add_axes((0, 0, 1, 1))
        for placed in page.images:
            _show(axes, placed)
        for words in page.words:
            _write(axes, words)
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        # without a date, the same page is the same file
        about = {"Subject": origin, "Creator": "sgtool", "CreationDate": None}
        with written_whole(path) as temporary, writing(path, RuntimeError):
            figure.savefig(temporary, format="pdf", metadata=about)


def _show(axes: "Axes", placed: PlacedImage) -> None:
    image = shrunk(placed.read(), placed.size)
    pixels = np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB"))
    x, y, size = placed.x, placed.y, placed.size
    extent = (x, x + size.width, y + size.height, y)
    axes.imshow(pixels, extent=extent, aspect="auto", interpolation="none")


def _write(axes: "Axes", words: PlacedWords) -> None:
    across, along = words.anchor
    axes.text(
        words.x,
        words.y,
        words.text,
        color=_colour(INK),
        fontsize=words.size * POINTS_AN_INCH / PIXELS_AN_INCH,
        horizontalalignment=ACROSS[across],
        verticalalignment=ALONG[along],
        parse_math=False,
    )


def _colour(rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = rgb
    return red / 255, green / 255, blue / 255
