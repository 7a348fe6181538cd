"""The training images that generated ones come closest to: has the network learned by heart?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from stylegan_cli.figures.layout import Content, paint
from stylegan_cli.figures.layout import Place as Slot
from stylegan_cli.metrics.evaluation import Evaluation
from stylegan_cli.metrics.fakes import Fakes, draw_fakes, seeds_of
from stylegan_cli.metrics.pictures import on_white
from stylegan_cli.metrics.precision_recall import Place, neighbours
from stylegan_cli.metrics.statistics import check_features
from stylegan_cli.networks.drawing import open_for_drawing
from stylegan_cli.shapes import Picture


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The generated images that come closest to training images.

    Attributes:
        fakes: Their numbers in the evaluation, the closest first.
        seeds: Theirs.
        reals: Numbers of the nearest training images of each.
        distances: To those, in the detector's features.
        median_fake: Distance of a generated image to the nearest training image, in the middle.
        median_real: The same of a training image to the nearest other one.
    """

    fakes: Int64[np.ndarray, " shown"]
    seeds: tuple[int, ...]
    reals: Int64[np.ndarray, "shown count"]
    distances: Float64[np.ndarray, "shown count"]
    median_fake: float
    median_real: float

    @property
    def ratio(self) -> float:
        """Far below 1, generated images are copies; about 1, they lie as training images do."""
        return self.median_fake / self.median_real if self.median_real else float("inf")


def find_nearest(evaluation: Evaluation, *, shown: int, count: int) -> Nearest:
    """The closest of the first case, by the features of its Fréchet distance.

    Args:
        shown: So many generated images.
        count: So many training images for each.

    Raises:
        MetricError: Too few images, or features that are not finite.
    """
    case = evaluation.cases[0]
    assert case.reals is not None, "nearest to what"
    real = evaluation.features(case.reals, "fid")
    fake = evaluation.features(case.fakes[0], "fid")
    check_features(real, at_least=count + 1, what="real images")
    check_features(fake, at_least=1, what="fake images")
    place = Place(evaluation.workplace.device)
    found = neighbours(fake, real, count, place=place)
    closest = np.argsort(found.distances[:, 0], kind="stable")[:shown]
    rows = case.reals.rows
    reals = found.indices[closest] if rows is None else rows[found.indices[closest]]
    evaluated = _fakes(evaluation)
    # the first neighbour of a training image is itself
    among_reals = neighbours(real, real, 2, place=place).distances[:, 1]
    return Nearest(
        fakes=closest,
        seeds=tuple(seeds_of(evaluated.seed, range(i, i + 1))[0] for i in closest.tolist()),
        reals=reals,
        distances=found.distances[closest],
        median_fake=float(np.median(found.distances[:, 0])),
        median_real=float(np.median(among_reals)),
    )


def nearest_picture(evaluation: Evaluation, nearest: Nearest) -> Picture:
    """Each generated image with its nearest training images and their distances."""
    reals = evaluation.cases[0].reals
    assert reals is not None, "nearest to what"
    fakes = _fakes(evaluation)
    network = open_for_drawing(fakes.file, fakes.device, fakes.execution)

    def read(slot: Slot) -> Picture:
        kind, (index,) = slot
        part = range(index, index + 1)
        if kind == "fake":
            return on_white(draw_fakes(network, fakes, part)[0])
        (pixels,) = reals.pictures.batches([part])
        return on_white(pixels[0])

    return paint(_content(nearest, evaluation), network.G.resolution, read)


def _content(nearest: Nearest, evaluation: Evaluation) -> Content:
    shown, count = nearest.reals.shape
    images: dict[tuple[int, int], Slot] = {
        (row, 0): ("fake", (int(index),)) for row, index in enumerate(nearest.fakes)
    }
    captions = {}
    for row, column in np.ndindex(shown, count):
        images[row, 1 + column] = "real", (int(nearest.reals[row, column]),)
        captions[row, 1 + column] = f"{nearest.distances[row, column]:.3g}"
    detector = evaluation.detector("fid").name
    title = (
        f"closest to training images · distances by {detector} · "
        f"half are above {nearest.median_fake:.3g}; among training images {nearest.median_real:.3g}"
    )
    return Content(
        title=title,
        images=images,
        captions=captions,
        row_names={row: f"seed {seed}" for row, seed in enumerate(nearest.seeds)},
        sources=(0, 1),
    )


def nearest_record(evaluation: Evaluation, nearest: Nearest) -> Mapping[str, Any]:
    """A line of `metrics.jsonl`."""
    case, detector = evaluation.cases[0], evaluation.detector("fid")
    return {
        "metric": "nearest",
        "case": case.name,
        "results": {
            f"nearest_{detector.name}": nearest.median_fake,
            f"nearest_real_{detector.name}": nearest.median_real,
            f"nearest_ratio_{detector.name}": nearest.ratio,
        },
        "closest": _rows(nearest),
        **case.facts,
        "num_fake": len(case.fakes[0]),
        "num_real": len(case.reals or ()),
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "resize": detector.resize,
    }


def _rows(nearest: Nearest) -> Sequence[Mapping[str, Any]]:
    rows = zip(nearest.seeds, nearest.reals.tolist(), nearest.distances.tolist(), strict=True)
    return [{"seed": seed, "reals": reals, "distances": far} for seed, reals, far in rows]


def _fakes(evaluation: Evaluation) -> Fakes:
    pictures = evaluation.cases[0].fakes[0].pictures
    assert isinstance(pictures, Fakes), "folders have no seeds"
    return pictures
