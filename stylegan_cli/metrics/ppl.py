"""The perceptual path length as a metric: distances of pairs, then their trimmed mean."""

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from stylegan_cli.detectors import (
    chosen_detector,
    detector_names,
    detector_note,
    is_standard,
)
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.charts import histogram
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.sampling import Sampling, check_possible
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
from stylegan_cli.metrics.protocol import (
    LATER,
    PROTOCOLS,
    ShrinkRule,
    Space,
    Stretch,
    Variant,
    protocol_named,
)
from stylegan_cli.sizes import Size

if TYPE_CHECKING:
    from stylegan_cli.detectors.registry import PerceptualDetector
    from stylegan_cli.metrics.features import Workplace
    from stylegan_cli.networks.snapshot import Network

COLUMN = "distances"
WHOLE_PATHS = (Variant("w", "full", False), Variant("z", "full", False))


@dataclass(frozen=True, kw_only=True)
class PathChoice:
    """The options of the path length that leave the rest to network and protocol.

    Attributes:
        space: Space of the paths; w if the network has one.
        sampling: Steps anywhere on a path, or at its end.
        crop: Compare only the region of faces in FFHQ; by default as the protocol does.
    """

    space: Space | None = None
    sampling: Stretch = "full"
    crop: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """A path length.

    Attributes:
        num: Number of pairs of codes, one step apart.
        psi: Truncation strength; the papers' figures have none, 1.
        class_name: Name or index of the class; None draws one for each pair.
    """

    space: Space = "w"
    sampling: Stretch = "full"
    crop: bool = False
    rule: ShrinkRule = "cropped"
    num: int = 10_000
    psi: float = 1.0
    class_name: str | None = None
    seed: int = 0


def path_options(
    protocol: str | None,
    *,
    space: Space,
    sampling: Stretch,
    crop: bool | None = None,
    num: int | None = None,
) -> PathOptions:
    """Return the options of a path length, the rest as the protocol has it.

    Args:
        crop: None crops as the protocol does; without a protocol, not at all.
    """
    way = protocol_named(protocol)
    if crop is None:
        crop = bool(way.paths) and Variant(space, sampling, False) not in way.paths
    if way.paths and Variant(space, sampling, crop) not in way.paths:
        raise UsageError(
            f"`crop={crop}`: `protocol={protocol}` has no such path length in {space}, {sampling}; "
            f"it has {', '.join(way.paths.values())}"
        )
    count = num or way.num_paths
    return PathOptions(space=space, sampling=sampling, crop=crop, rule=way.rule, num=count)


def path_name(options: PathOptions, detector: str) -> str:
    """Return the name of a path length: the published one only where it is that number."""
    variant = Variant(options.space, options.sampling, options.crop)
    counts = {way.num_paths for way in PROTOCOLS.values()}
    untouched = options.psi == 1 and options.class_name is None and options.num in counts
    if is_standard(detector, "distance") and untouched and variant in LATER:
        return LATER[variant]
    crop = "_crop" if options.crop else ""
    psi = f"_psi{options.psi:g}" if options.psi != 1 else ""
    return f"ppl_{detector}_{options.space}_{options.sampling}{crop}{psi}"


def _prepare(
    network: "Network", request: Request, place: "Workplace"
) -> Generator[Event, None, Maker]:
    if request.num is not None and request.num < 2:
        raise UsageError(f"`num={request.num}`: at least 2 pairs are needed")
    name = request.detector
    if request.together and name not in detector_names("distance"):
        name = None  # it was set for the metrics on features
    # refused before torch is imported
    chosen_detector(name, "distance")
    list(_wanted(network, request))
    from stylegan_cli.detectors.registry import open_detector

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
    chosen: PathChoice = request.options
    space = chosen.space or ("w" if network.sizes.has_w else "z")
    wanted = [(space, chosen.sampling, chosen.crop)]
    if request.together:
        known = tuple(protocol_named(request.protocol).paths) or WHOLE_PATHS
        wanted = [variant for variant in known if network.sizes.has_w or variant.space == "z"]
    for space, sampling, crop in wanted:
        options = path_options(
            request.protocol, space=space, sampling=sampling, crop=crop, num=request.num
        )
        options = replace(options, psi=request.psi, class_name=request.class_name)
        check_paths(network, options)
        yield options


PERCEIVED_SIDE = 256
"""Images are reduced to this size before they are compared."""

SMALLEST_SIDE = 32
"""Below this the perceptual networks have no layers left to compare."""


def check_paths(network: "Network", options: PathOptions) -> None:
    """Raise if the network has no such path length."""
    sizes = network.sizes
    if options.space == "w" and not sizes.has_w:
        raise UsageError(
            "`space=w`: this network makes images straight from z and has no w; take `space=z`"
        )
    check_possible(network, Sampling(psi=options.psi))
    class_index(network, options.class_name)
    side = sizes.size.shorter // 2 if options.crop else sizes.size.shorter
    side //= shrink_factor(sizes.size, crop=options.crop, rule=options.rule)
    if side < SMALLEST_SIDE:
        could = options.crop and sizes.size.shorter >= SMALLEST_SIDE
        advice = "take `crop=False`" if could else "networks this small have no path length"
        raise UsageError(
            f"{network.path}: {side} px{' after cropping' if options.crop else ''} are too few for "
            f"a perceptual distance, which needs {SMALLEST_SIDE} px; {advice}"
        )


def shrink_factor(size: Size, *, crop: bool, rule: ShrinkRule = "cropped") -> int:
    """Return the factor that reduces images to 256 px before they are compared, 1 at least.

    Args:
        size: Of the whole images; the shorter side decides.
        rule: "whole" reduces cropped images as far as whole ones, as [ADA]'s PyTorch release.
    """
    side = size.shorter // 2 if crop and rule == "cropped" else size.shorter
    return max(1, side // PERCEIVED_SIDE)


def _series(
    network: "Network", detector: "PerceptualDetector", options: PathOptions, place: "Workplace"
) -> Series:
    from stylegan_cli.metrics.path_length import EPSILON, path_distances
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
    usual = max(1, default_batch_size(network.G.size) // 2)
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
    from stylegan_cli.metrics.path_length import path_length

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
        picture=lambda: histogram(
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
    takes=OF_CODES | {"psi", "class_name", "detector", "protocol"},
    options=PathChoice,
    num="Pairs of codes to measure; 5000, or as many as the protocol has.",
    better="smaller",
)
