"""`sgtool eval all`: everything that can be told of a network, by one seed and one protocol."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.classifiers import Judging, open_judging
from stylegan_cli.cli.evaluate.command import measure_features, workplace
from stylegan_cli.cli.evaluate.findings import Findings, joined, show
from stylegan_cli.cli.evaluate.flags import ClassifierFlags, SubjectFlags, WayFlags
from stylegan_cli.cli.evaluate.ppl import PathWork, measure_paths, open_distance
from stylegan_cli.cli.evaluate.separability import PlaneWork, measure_planes
from stylegan_cli.cli.evaluate.subjects import chosen_networks
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import examples, with_flags
from stylegan_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from stylegan_cli.detectors import PerceptualDetector
    from stylegan_cli.metrics.evaluation import Workplace
    from stylegan_cli.networks.snapshot import Network

EXAMPLES = examples(
    "sgtool eval all --network runs/people --num 5000",
    "sgtool eval all --num 2000 --repeat 5",
    "sgtool eval all --num 2000 --psi-curve 0.5:1:6",
    "sgtool eval all --protocol stylegan2",
)


@with_flags
def every(*, flags: SubjectFlags, ways: WayFlags, classifiers: ClassifierFlags) -> None:
    """Measure all there is: features, path lengths, separability.

    Those of eval fid, kid, is and pr that detector and protocol have, ppl in w and z (or all of
    the protocol), and separability where there are classifiers of attributes. --num counts images,
    pairs and judged images alike; without it each takes its own: 50000 images, 5000 pairs (or the
    protocol's), 200000 judged images.
    """
    from stylegan_cli.metrics.protocol import protocol_named

    metrics = protocol_named(ways.protocol).metrics
    with workplace(flags) as place:
        found = [measure_features(metrics, flags, ways, place)]
        reason = _why_features_only(flags, ways)
        if reason:
            console.note(f"path lengths and separability are left out: {reason}")
        else:
            found += _of_networks(flags, ways, classifiers, place)
        if place.world.is_first:
            show(joined([each for each in found if each]), json=flags.json)


def _why_features_only(flags: SubjectFlags, ways: WayFlags) -> str | None:
    reasons = {
        "folders of images have no codes": ways.images is not None,
        "--psi-curve is of features only; eval ppl --psi takes one": ways.psi_curve is not None,
        "--per-class is of features only; eval ppl --class takes one": ways.per_class,
        "they know no --cutoff": flags.cutoff is not None,
    }
    return next((reason for reason, given in reasons.items() if given), None)


def _of_networks(
    flags: SubjectFlags, ways: WayFlags, classifiers: ClassifierFlags, place: "Workplace"
) -> Iterator[Findings]:
    """What is measured of codes rather than of features, for each network."""
    from stylegan_cli.detectors import detector_names

    chosen = flags.detector if flags.detector in detector_names("distance") else None
    detector = open_distance(chosen, place.device)
    judging: Judging | None = None
    for number, path in enumerate(chosen_networks(flags.network, ways.all_snapshots)):
        network = open_network(path, flags)
        yield from _paths(network, flags, ways, _path_work(flags, ways, place, detector))
        if number == 0:
            judging = _judging(network, flags, ways, classifiers, place)
        if judging is not None:
            yield _planes(network, flags, ways, judging, place)


def _paths(
    network: "Network", flags: SubjectFlags, ways: WayFlags, work: PathWork
) -> Iterator[Findings]:
    from stylegan_cli.metrics.ppl.evaluation import path_options, variants
    from stylegan_cli.metrics.ppl.ppl import check_paths

    for space, sampling, crop in variants(ways.protocol, has_w=network.G.has_w):
        options = path_options(
            ways.protocol, space=space, sampling=sampling, crop=crop, num=flags.num
        )
        wanted = replace(options, psi=flags.psi, class_name=flags.class_name, seed=flags.seed)
        try:
            check_paths(network, wanted)
        except UsageError as error:
            console.note(f"path length left out: {error}")
            return
        yield measure_paths(network, wanted, work)


def _judging(
    network: "Network",
    flags: SubjectFlags,
    ways: WayFlags,
    classifiers: ClassifierFlags,
    place: "Workplace",
) -> Judging | None:
    """Classifiers where there are any; only what was asked for must be there."""
    from stylegan_cli.metrics.separability.separability import PROTOCOLS

    reasons = {
        f"--protocol {ways.protocol} does not define it": ways.protocol not in (None, *PROTOCOLS),
        "it is measured without --psi": flags.psi != 1,
        "it is measured over all classes": flags.class_name is not None,
    }
    for reason, given in reasons.items():
        if given:
            console.note(f"separability left out: {reason}")
            return None
    try:
        return open_judging(network, flags.data, classifiers, place.world)
    except (DataError, UsageError) as error:
        if classifiers != ClassifierFlags():
            raise
        console.note(f"separability left out: {error}")
        return None


def _planes(
    network: "Network",
    flags: SubjectFlags,
    ways: WayFlags,
    judging: Judging,
    place: "Workplace",
) -> Findings:
    from stylegan_cli.metrics.separability.separability import SeparabilityOptions, spaces_of

    options = SeparabilityOptions(spaces=spaces_of(network), protocol=ways.protocol)
    return measure_planes(network, judging, options, _plane_work(flags, ways, place))


def _path_work(
    flags: SubjectFlags, ways: WayFlags, place: "Workplace", detector: "PerceptualDetector"
) -> PathWork:
    return PathWork(
        detector=detector,
        world=place.world,
        repeat=ways.repeat,
        batch=flags.batch,
        output=flags.output,
        overwrite=False,
        along=_along(ways),
    )


def _plane_work(flags: SubjectFlags, ways: WayFlags, place: "Workplace") -> PlaneWork:
    return PlaneWork(
        num=flags.num,
        seed=flags.seed,
        repeat=ways.repeat,
        world=place.world,
        batch=flags.batch,
        output=flags.output,
        overwrite=False,
        along=_along(ways),
    )


def _along(ways: WayFlags) -> str:
    return "snapshot" if ways.all_snapshots is not None else ""
