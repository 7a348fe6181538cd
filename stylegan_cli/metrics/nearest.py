"""The training images closest to generated ones, which show whether the network copies."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge

from stylegan_cli.figures.layout import Content, Read, paint
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


def nearest_record(evaluation: "Evaluation", *, shown: int, count: int) -> dict[str, Any]:
    """Find the closest of the first case, by the features of its Fréchet distance.

    Returns:
        A line of `metrics.jsonl`: the medians of generated images and of training images, whose
        ratio is far below 1 if generated images are copies, and the closest images, closest first.
    """
    from stylegan_cli.metrics.distances import neighbours
    from stylegan_cli.metrics.features import check_features

    case, detector = evaluation.cases[0], evaluation.detector(FID)
    assert case.reals is not None, "there are reals to compare with"
    real, fake = (evaluation.features(each, FID) for each in (case.reals, case.fakes[0]))
    check_features(real, at_least=count + 1, what="real images")
    check_features(fake, at_least=1, what="fake images")
    device, rows = evaluation.place.device, case.reals.rows
    indices, distances = neighbours(fake, real, count, device=device)
    # the nearest neighbour of a training image is the image itself
    _, among_reals = neighbours(real, real, 2, device=device)
    of_fakes, of_reals = float(np.median(distances[:, 0])), float(np.median(among_reals[:, 1]))
    closest = np.argsort(distances[:, 0], kind="stable")[:shown]
    numbers = indices[closest] if rows is None else rows[indices[closest]]
    first = _drawn(evaluation)[1]
    return {
        "metric": "nearest",
        "case": case.name,
        "results": {
            f"nearest_{detector.name}": of_fakes,
            f"nearest_real_{detector.name}": of_reals,
            f"nearest_ratio_{detector.name}": of_fakes / of_reals if of_reals else float("inf"),
        },
        "closest": [
            {"seed": first + row, "reals": reals.tolist(), "distances": distances[row].tolist()}
            for row, reals in zip(closest.tolist(), numbers, strict=True)
        ],
        **case.facts,
        "num_fake": case.fakes[0].counted,
        "num_real": case.reals.counted,
        **detector.facts,
    }


def nearest_picture(evaluation: "Evaluation", record: Mapping[str, Any]) -> Picture:
    """Paint each generated image with its nearest training images and their distances."""
    from stylegan_cli.metrics.fakes import draw_fakes
    from stylegan_cli.metrics.pictures import on_white
    from stylegan_cli.networks.execution import open_for_drawing

    (fakes, first), reals = _drawn(evaluation), evaluation.cases[0].reals
    assert reals is not None, "there are reals to compare with"
    network = open_for_drawing(fakes.file, fakes.device, fakes.execution)

    def fake(index: int) -> Picture:
        return on_white(draw_fakes(network, fakes, range(index, index + 1))[0])

    def real(index: int) -> Picture:
        (pixels,) = reals.batches([range(index, index + 1)])
        return on_white(pixels[0])

    images: dict[tuple[int, int], Read] = {}
    captions = {}
    for row, found in enumerate(record["closest"]):
        images[row, 0] = partial(fake, found["seed"] - first)
        for column, (index, far) in enumerate(
            zip(found["reals"], found["distances"], strict=True), 1
        ):
            images[row, column] = partial(real, index)
            captions[row, column] = f"{far:.3g}"
    of_fakes, of_reals, _ = record["results"].values()
    content = Content(
        title=(
            f"closest to training images · distances by {record['detector']} · "
            f"median {of_fakes:.3g}; among training images {of_reals:.3g}"
        ),
        images=images,
        captions=captions,
        row_names={row: f"seed {each['seed']}" for row, each in enumerate(record["closest"])},
        sources=(0, 1),
    )
    return paint(content, network.G.size)


def _drawn(evaluation: "Evaluation") -> tuple["DrawnPictures", int]:
    """Return the generated images, and the seed of the first."""
    from stylegan_cli.metrics.fakes import DrawnPictures, seeds_of

    pictures = evaluation.cases[0].fakes[0]
    assert isinstance(pictures, DrawnPictures), "folders have no seeds"
    return pictures, seeds_of(pictures.seed, range(1)).start


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
    record = nearest_record(evaluation, shown=options.show, count=options.neighbours)
    folder = request.folder(request.network)
    picture = folder / f"nearest-{key_of(record)[:8]}.png"
    write_png(picture, nearest_picture(evaluation, record), origin=dumps(record))
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
