"""The perceptual path length as a metric: distances of pairs, then their trimmed mean."""

from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.metric import (
    OF_CODES,
    Columns,
    Conclusion,
    Event,
    Maker,
    Metric,
    OnCodes,
    Remark,
    Request,
    Series,
)
from stylegan_cli.metrics.ppl.variants import (
    PathChoice,
    PathOptions,
    path_name,
    path_options,
    variants,
)

if TYPE_CHECKING:
    from stylegan_cli.detectors import PerceptualDetector
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.networks.snapshot import Network

COLUMN = "distances"


def _prepare(
    network: "Network", request: Request, place: "Workplace"
) -> Generator[Event, None, Maker]:
    from stylegan_cli.detectors import detector_names, detector_note, open_detector

    if request.num is not None and request.num < 2:
        raise UsageError(f"`num={request.num}`: at least 2 pairs are needed")
    name = request.detector
    if request.together and name not in detector_names("distance"):
        name = None  # it was set for the metrics on features
    detector = open_detector(name, purpose="distance", device=place.device)
    note = detector_note(detector.name, "distance")
    if note:
        yield Remark(text=note)

    def series(network: "Network", seed: int) -> Iterator[Series]:
        for options in _wanted(network, request):
            yield _series(network, detector, replace(options, seed=seed), place)

    return series


def _wanted(network: "Network", request: Request) -> Iterator[PathOptions]:
    """Yield the chosen path length, or beside other metrics all of the protocol."""
    from stylegan_cli.metrics.ppl.ppl import check_paths

    chosen: PathChoice = request.options
    space = chosen.space or ("w" if network.G.has_w else "z")
    wanted = [(space, chosen.sampling, chosen.crop)]
    if request.together:
        wanted = [*variants(request.protocol, has_w=network.G.has_w)]
    for space, sampling, crop in wanted:
        options = path_options(
            request.protocol, space=space, sampling=sampling, crop=crop, num=request.num
        )
        options = replace(options, psi=request.psi, class_name=request.class_name)
        check_paths(network, options)
        yield options


def _series(
    network: "Network", detector: "PerceptualDetector", options: PathOptions, place: "Workplace"
) -> Series:
    from stylegan_cli.metrics.ppl.ppl import EPSILON, path_distances
    from stylegan_cli.networks.execution import default_batch_size, precision_claim

    fields = asdict(options)
    name = path_name(options, detector.name)
    request = {
        "metric": "ppl",
        "class": fields.pop("class_name"),
        **fields,
        "epsilon": EPSILON,
        "noise_mode": "random" if network.G.has_noise else "none",
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "network_sha256": network.sha256,
        **precision_claim(network.precision),
    }
    usual = max(1, default_batch_size(network.G.resolution) // 2)
    return Series(
        name=name,
        request=request,
        columns={COLUMN: ()},
        measure=lambda pairs: {COLUMN: path_distances(network, detector, options, pairs)},
        conclude=lambda columns: _conclude(name, detector.name, columns),
        batch_size=place.execution.batch_size or usual,
        label="pairs",
    )


def _conclude(name: str, detector: str, columns: Columns) -> Iterator[Conclusion]:
    from stylegan_cli.detectors import is_standard
    from stylegan_cli.figures.charts import histogram
    from stylegan_cli.metrics.ppl.ppl import path_length

    distances = columns[COLUMN]
    found = path_length(distances)
    yield Conclusion(
        values={name: found.ppl},
        spread={name: found.standard_error},
        facts={
            "standard_error": found.standard_error,
            "num_counted": found.counted,
            "standard_detector": is_standard(detector, "distance"),
        },
        picture=histogram(
            distances,
            (found.low, found.high),
            found.ppl,
            title=f"{name} {found.ppl:.4g} ± {found.standard_error:.2g}",
            x=f"perceptual distance / ε², {len(distances):,} pairs",
        ),
    )


PPL = Metric(
    name="ppl",
    about="""Measure the perceptual path length (PPL).

    It measures how much images change with small steps of their codes: short paths mean a smooth
    space.
    Distances and their histogram are kept, and the same request resumes. Only with the VGG16
    detector and with the counts and crops of a protocol does the number have a published name,
    such as ppl_wfull.
    """,
    examples=(
        "",
        "`space=z` `num=1000` `network=runs/people`",
        "`sampling=end` `repeat=3` `json`",
        "`all_snapshots=runs/people` `num=500`",
        "`protocol=stylegan2` `detector=vgg16`",
    ),
    work=OnCodes(prepare=_prepare),
    alone=frozenset({"space", "sampling", "crop"}),
    takes=OF_CODES | {"psi", "class_name", "detector"},
    options=PathChoice,
    num="Pairs of codes to measure; 5000, or as many as the protocol has.",
    better="smaller",
)
