"""Fakes over time: one picture at a time with a slider; in print, three."""

from collections.abc import Iterator, Sequence

from stylegan_cli.data.decoding import Extent
from stylegan_cli.errors import DataError
from stylegan_cli.report.markup import Html, Piece, Problem, closing, element, opening, text
from stylegan_cli.report.photo import Photo, image_of, photo
from stylegan_cli.report.run import Fakes, Run

LONGEST = 1024
"""Longest side of a picture of fakes or reals, in pixels."""


def fakes_over_time(run: Run, most: int) -> Iterator[Piece]:
    """Show the run's fakes, at most this many, and its reals."""
    if not run.fakes:
        yield element("p", text("No pictures yet."), class_="quiet")
        return
    chosen = thin(run.fakes, most)
    yield opening("div", class_="pair")
    yield opening("figure", class_="film")
    sizes = []
    for place, fakes in enumerate(chosen):
        try:
            picture = photo(fakes.path, LONGEST)
        except DataError as error:
            yield Problem(str(error))
            continue
        sizes.append((picture.original, picture.size))
        yield _frame(run, fakes, picture, is_printed=place in _printed(len(chosen)))
    if sizes:
        yield _control(run, len(sizes))
    yield closing("figure")
    yield from _reals(run)
    yield closing("div")
    yield from _note(len(run.fakes), sizes)


def thin(fakes: Sequence[Fakes], most: int) -> list[Fakes]:
    """Return the fakes; if there are too many, some spread evenly from the first to the last."""
    if len(fakes) <= most:
        return list(fakes)
    if most == 1:
        return [fakes[-1]]
    return [fakes[round(i * (len(fakes) - 1) / (most - 1))] for i in range(most)]


def _printed(count: int) -> set[int]:
    return {0, count // 2, count - 1}


def _frame(run: Run, fakes: Fakes, picture: Photo, *, is_printed: bool) -> Html:
    name = f"{fakes.kimg:,.10g} kimg"
    return element(
        "div",
        element("span", text(name), class_="when"),
        image_of(picture, f"Fakes of {run.name} at {name}"),
        class_="frame printed" if is_printed else "frame",
        data_kimg=f"{fakes.kimg:.10g}",
    )


def _control(run: Run, count: int) -> Html:
    slider = element(
        "input",
        type="range",
        min=0,
        max=count - 1,
        value=count - 1,
        autocomplete="off",
        aria_label=f"Fakes of {run.name} over time",
    )
    return element("p", slider, element("output"), class_="control")


def _reals(run: Run) -> Iterator[Piece]:
    if not run.reals.exists():
        return
    try:
        picture = photo(run.reals, LONGEST)
    except DataError as error:
        yield Problem(str(error))
        return
    yield element(
        "figure",
        element("figcaption", text("Real images, for comparison")),
        image_of(picture, f"Real images of {run.name}"),
        class_="reals",
    )


def _note(found: int, sizes: Sequence[tuple[Extent, Extent]]) -> Iterator[Html]:
    """Explain how the pictures shown differ from those found.

    Args:
        sizes: Size in the file and on the page of each picture shown.
    """
    said = []
    if len(sizes) < found:
        said.append(f"{len(sizes)} of {found} pictures")
    for before, after in [pair for pair in sizes if pair[0] != pair[1]][:1]:
        said.append("reduced from {}×{} to {}×{} pixels".format(*before, *after))
    if said:
        yield element("p", text(", ".join(said)), class_="quiet")
