"""`sgtool eval nearest`: which training images generated ones come closest to."""

from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from stylegan_cli.cli import console
from stylegan_cli.cli.console import echo_json, echo_table
from stylegan_cli.cli.evaluate.command import (
    extract,
    name_detectors,
    open_detectors,
    options_of,
    workplace,
)
from stylegan_cli.cli.evaluate.findings import number
from stylegan_cli.cli.evaluate.flags import SubjectFlags
from stylegan_cli.cli.evaluate.subjects import folder_of, real_images
from stylegan_cli.cli.network import find_network
from stylegan_cli.cli.options import examples, with_flags

if TYPE_CHECKING:
    from stylegan_cli.metrics.evaluation import Evaluation, Workplace

EXAMPLES = examples(
    "sgtool eval nearest --network runs/people --num 1000",
    "sgtool eval nearest --num 1000 --show 12 --neighbours 6 --psi 0.7",
)
ShowFlag = Annotated[
    int, typer.Option("--show", metavar="N", min=1, help="Generated images in the picture.")
]
NeighboursFlag = Annotated[
    int, typer.Option("--neighbours", metavar="N", min=1, help="Training images for each.")
]


@with_flags
def nearest(show: ShowFlag = 8, neighbours: NeighboursFlag = 5, *, flags: SubjectFlags) -> None:
    """Find the training images closest to generated ones.

    Shows those generated images that are nearest to training images, and how near images of the
    training are to each other: a ratio far below 1 means that images are learned by heart.
    """
    with workplace(flags) as place:
        evaluation = _evaluation(flags, place)
        evaluation.check()
        extract(evaluation)
        if place.world.is_first:
            _show(evaluation, flags, show, neighbours)


def _evaluation(flags: SubjectFlags, place: "Workplace") -> "Evaluation":
    from stylegan_cli.metrics.cases import network_case
    from stylegan_cli.metrics.evaluation import Evaluation
    from stylegan_cli.metrics.protocol import OURS

    network = find_network(flags.network)
    options = options_of(flags, 1, place.device)
    detectors = open_detectors(["features"], flags.detector, place.device)
    name_detectors(detectors)
    return Evaluation(
        metrics=("fid",),
        cases=(network_case(network, real_images(flags.data, network), options, OURS),),
        detectors=detectors,
        protocol=OURS,
        workplace=place,
    )


def _show(evaluation: "Evaluation", flags: SubjectFlags, show: int, neighbours: int) -> None:
    from stylegan_cli.figures.png import write_png
    from stylegan_cli.metrics.features import key_of
    from stylegan_cli.metrics.nearest import find_nearest, nearest_picture, nearest_record
    from stylegan_cli.metrics.records import NAME, append_record

    found = find_nearest(evaluation, shown=show, count=neighbours)
    record = nearest_record(evaluation, found)
    folder = flags.output or folder_of(find_network(flags.network))
    picture = folder / f"nearest-{key_of(record)[:8]}.png"
    write_png(picture, nearest_picture(evaluation, found), origin=dumps(record))
    append_record(folder / NAME, record)
    if flags.json:
        echo_json({"record": record, "picture": str(picture)})
        return
    console.note(f"wrote {folder / NAME}")
    console.note(f"wrote {picture}")
    echo_table(("metric", "value"), [(k, number(v)) for k, v in record["results"].items()])
