"""How each pixel varies in a study of noise, as numbers and as a picture."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from stylegan_cli.results.layout import Content, Slot, paint
from stylegan_cli.results.page import Place
from stylegan_cli.results.store import StudyFile
from stylegan_cli.shapes import Picture

SHADED = 0.995
"""Share of a map's pixels that are told apart; few much brighter ones would leave the rest dark."""

Map = Float[np.ndarray, "height width"]


def noisy_lists(file: StudyFile) -> list[int]:
    """Positions of the lists of noise inputs that hold any."""
    return [i for i, name in enumerate(file.header.axes["noise"]) if name != "none"]


def std_map(file: StudyFile, seed: int, chosen: int) -> Map:
    """Standard deviation of a seed's pixels over the draws, for a list; channels together."""
    return _together(file.array("variation", "std", (seed, chosen)) ** 2)


def white_level(maps: Iterable[Map]) -> float:
    """What to show white: single pixels of the liveliest map are above it, if any."""
    return max(float(np.quantile(each, SHADED)) or float(each.max()) for each in maps)


def shade(values: Map, white: float) -> Picture:
    """Grey picture of a map that is black at 0 and white at `white` and above."""
    share = (values / (white or 1)).clip(0, 1)
    grey: np.ndarray = np.round(255 * share).astype(np.uint8)
    return grey[:, :, None]


def scale(white: float) -> str:
    """What the shades of a map mean, in words."""
    if not white:
        return "std. dev.: 0 everywhere"
    return f"std. dev.: white is {white:.3g} grey levels and above"


def paint_maps(file: StudyFile) -> Picture:
    """Mean image of each seed and how its pixels vary, with noise on each list of inputs.

    Below, over all seeds: what varies from seed to seed, and what varies with the noise.
    """
    seeds, lists = file.header.axes["seed"], noisy_lists(file)
    white = white_level(std_map(file, seed, i) for seed in range(len(seeds)) for i in lists)
    styles = _cause_map(file, "style", lists[0])
    white_of_styles = white_level([styles])

    def read(place: Place) -> Picture:
        what, index = place
        if what == "mean":
            return np.round(file.array("variation", "mean", index)).astype(np.uint8)
        if what == "styles":
            return shade(styles, white_of_styles)
        varying = std_map(file, *index) if what == "std" else _cause_map(file, "noise", *index)
        return shade(varying, white)

    several = len(seeds) > 1
    title = f"noise · {scale(white)}"
    content = Content(
        title=f"{title} (of styles: {white_of_styles:.3g})" if several else title,
        images=_places(len(seeds), lists),
        captions=_captions(len(seeds), [file.header.axes["noise"][i] for i in lists]),
        row_names={**{i: f"seed {name}" for i, name in enumerate(seeds)}, len(seeds): "all seeds"},
    )
    return paint(content, file.resolution, read)


def _places(seeds: int, lists: list[int]) -> dict[Slot, Place]:
    places: dict[Slot, Place] = {}
    for seed in range(seeds):
        places[seed, 0] = ("mean", (seed, lists[0]))
        places |= {(seed, 1 + col): ("std", (seed, chosen)) for col, chosen in enumerate(lists)}
    if seeds > 1:
        places[seeds, 0] = ("styles", ())
        places |= {(seeds, 1 + col): ("noise", (chosen,)) for col, chosen in enumerate(lists)}
    return places


def _captions(seeds: int, names: list[str]) -> dict[Slot, str]:
    rows = seeds + (seeds > 1)
    captions = {
        (row, 1 + col): f"noise {name}" for row in range(rows) for col, name in enumerate(names)
    }
    return {**captions, **{(row, 0): "mean" if row < seeds else "styles" for row in range(rows)}}


def _cause_map(file: StudyFile, cause: str, chosen: int) -> Map:
    """Standard deviation over all seeds that styles or noise cause; of one seed, none by styles."""
    variance = np.nan_to_num(file.array("variance", cause, (chosen,)))
    return _together(variance.clip(0))


def _together(variance: Float[np.ndarray, "height width channels"]) -> Map:
    root: np.ndarray = np.sqrt(variance.mean(axis=2))
    return root
