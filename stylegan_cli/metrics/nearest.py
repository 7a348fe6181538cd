"""The training images closest to generated ones, which show whether the network copies."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge
from jaxtyping import Float64, Int64

from stylegan_cli.figures.layout import Content, paint
from stylegan_cli.figures.layout import Place as Slot
from stylegan_cli.figures.png import write_png
from stylegan_cli.metrics.fid import FID
from stylegan_cli.metrics.metric import ALL, Event, Found, Metric, Remark, Request
from stylegan_cli.shapes import Picture

if TYPE_CHECKING:
    from stylegan_cli.metrics.evaluation import Evaluation
    from stylegan_cli.metrics.fakes import DrawnPictures
    from stylegan_cli.metrics.features import Workplace


@dataclass(frozen=True, kw_only=True)
class NearestOptions:
    """The size of the picture.

    Attributes:
        show (N): Generated images in the picture.
        neighbours (N): Training images for each.
    """

    show: Annotated[int, Ge(1)] = 8
    neighbours: Annotated[int, Ge(1)] = 5


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The generated images that come closest to training images.

    Attributes:
        fakes: Their numbers in the evaluation, the closest first.
        reals: Numbers of the nearest training images of each.
        distances: To those, between the detector's features.
        median_fake: Median distance of generated images to the nearest training image.
        median_real: Median distance of training images to the nearest other one.
    """

    fakes: Int64[np.ndarray, " shown"]
    seeds: tuple[int, ...]
    reals: Int64[np.ndarray, "shown count"]
    distances: Float64[np.ndarray, "shown count"]
    median_fake: float
    median_real: float

    @property
    def ratio(self) -> float:
        """Return the ratio of distances; far below 1, generated images are copies."""
        return self.median_fake / self.median_real if self.median_real else float("inf")


def find_nearest(evaluation: "Evaluation", *, shown: int, count: int) -> Nearest:
    """Find the closest of the first case, by the features of its Fréchet distance."""
    from stylegan_cli.metrics.distances import neighbours
    from stylegan_cli.metrics.fakes import seeds_of
    from stylegan_cli.metrics.features import check_features

    case = evaluation.cases[0]
    assert case.reals is not None, "there are reals to compare with"
    real = evaluation.features(case.reals, FID)
    fake = evaluation.features(case.fakes[0], FID)
    check_features(real, at_least=count + 1, what="real images")
    check_features(fake, at_least=1, what="fake images")
    device, rows = evaluation.place.device, case.reals.rows
    indices, distances = neighbours(fake, real, count, device=device)
    closest = np.argsort(distances[:, 0], kind="stable")[:shown]
    reals = indices[closest] if rows is None else rows[indices[closest]]
    # the nearest neighbour of a training image is the image itself
    _, among_reals = neighbours(real, real, 2, device=device)
    first = seeds_of(_fakes(evaluation).seed, range(len(fake))).start
    return Nearest(
        fakes=closest,
        seeds=tuple(first + i for i in closest.tolist()),
        reals=reals,
        distances=distances[closest],
        median_fake=float(np.median(distances[:, 0])),
        median_real=float(np.median(among_reals[:, 1])),
    )


def nearest_picture(evaluation: "Evaluation", nearest: Nearest) -> Picture:
    """Paint each generated image with its nearest training images and their distances."""
    from stylegan_cli.metrics.fakes import draw_fakes
    from stylegan_cli.metrics.pictures import on_white
    from stylegan_cli.networks.execution import open_for_drawing

    reals = evaluation.cases[0].reals
    assert reals is not None, "there are reals to compare with"
    fakes = _fakes(evaluation)
    network = open_for_drawing(fakes.file, fakes.device, fakes.execution)

    def read(slot: Slot) -> Picture:
        kind, (index,) = slot
        part = range(index, index + 1)
        if kind == "fake":
            return on_white(draw_fakes(network, fakes, part)[0])
        (pixels,) = reals.batches([part])
        return on_white(pixels[0])

    return paint(_content(nearest, evaluation), network.G.size, read)


def _content(nearest: Nearest, evaluation: "Evaluation") -> Content:
    shown, count = nearest.reals.shape
    images: dict[tuple[int, int], Slot] = {
        (row, 0): ("fake", (int(index),)) for row, index in enumerate(nearest.fakes)
    }
    captions = {}
    for row, column in np.ndindex(shown, count):
        images[row, 1 + column] = "real", (int(nearest.reals[row, column]),)
        captions[row, 1 + column] = f"{nearest.distances[row, column]:.3g}"
    detector = evaluation.detector(FID).name
    title = (
        f"closest to training images · distances by {detector} · "
        f"median {nearest.median_fake:.3g}; among training images {nearest.median_real:.3g}"
    )
    return Content(
        title=title,
        images=images,
        captions=captions,
        row_names={row: f"seed {seed}" for row, seed in enumerate(nearest.seeds)},
        sources=(0, 1),
    )


def nearest_record(evaluation: "Evaluation", nearest: Nearest) -> Mapping[str, Any]:
    """Return a line of `metrics.jsonl`."""
    case, detector = evaluation.cases[0], evaluation.detector(FID)
    return {
        "metric": "nearest",
        "case": case.name,
        "results": {
            f"nearest_{detector.name}": nearest.median_fake,
            f"nearest_real_{detector.name}": nearest.median_real,
            f"nearest_ratio_{detector.name}": nearest.ratio,
        },
        "closest": [
            {"seed": seed, "reals": reals, "distances": far}
            for seed, reals, far in zip(
                nearest.seeds, nearest.reals.tolist(), nearest.distances.tolist(), strict=True
            )
        ],
        **case.facts,
        "num_fake": case.fakes[0].counted,
        "num_real": case.reals.counted if case.reals else 0,
        **detector.facts,
    }


def _fakes(evaluation: "Evaluation") -> "DrawnPictures":
    from stylegan_cli.metrics.fakes import DrawnPictures

    pictures = evaluation.cases[0].fakes[0]
    assert isinstance(pictures, DrawnPictures), "folders have no seeds"
    return pictures


def _run(request: Request, place: "Workplace") -> Iterator[Event]:
    from stylegan_cli.metrics.evaluation import open_evaluation
    from stylegan_cli.metrics.features import key_of
    from stylegan_cli.metrics.outputs import append_found

    began = time.monotonic()
    evaluation = yield from open_evaluation([FID], request, place)
    yield from evaluation.extract()
    if not place.world.is_first:
        return
    options: NearestOptions = request.options
    nearest = find_nearest(evaluation, shown=options.show, count=options.neighbours)
    record = nearest_record(evaluation, nearest)
    folder = request.folder(request.network)
    picture = folder / f"nearest-{key_of(record)[:8]}.png"
    write_png(picture, nearest_picture(evaluation, nearest), origin=dumps(record))
    found = Found(
        metric="nearest",
        case="",
        values=record["results"],
        spread={},
        records=(record,),
        files=(picture,),
        network=request.network,
    )
    found, _ = append_found(found, folder, time.monotonic() - began)
    for file in found.files:
        yield Remark(text=f"wrote {file}")
    yield found


NEAREST = Metric(
    name="nearest",
    about="""Find the training images closest to generated ones.

    Shows the generated images that are nearest to training images, and how near training images
    are to each other: a ratio far below 1 means that the network copies training images.
    """,
    examples=(
        "`network=runs/people` `num=1000`",
        "`num=1000` `show=12` `neighbours=6` `psi=0.7`",
    ),
    work=_run,
    takes=ALL
    - {
        *("images", "repeat", "protocol", "all_snapshots", "psi_curve", "per_class", "per_label"),
        "save_features",
    },
    options=NearestOptions,
    in_all=False,
)
