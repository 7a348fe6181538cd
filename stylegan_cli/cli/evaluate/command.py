"""What the command of every metric does: extract, measure, record, report."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.findings import Findings, features_findings, show
from stylegan_cli.cli.evaluate.flags import USUAL_NUM, SubjectFlags, WayFlags
from stylegan_cli.cli.evaluate.subjects import subjects
from stylegan_cli.cli.network import execution_of
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

    from stylegan_cli.detectors import FeatureDetector, Purpose
    from stylegan_cli.metrics.cases import Options
    from stylegan_cli.metrics.evaluation import Evaluation, Workplace
    from stylegan_cli.metrics.protocol import Metric
    from stylegan_cli.runtime import World


def evaluate(metrics: "Sequence[Metric]", flags: SubjectFlags, ways: WayFlags) -> None:
    """Measure, append the records, draw what there is to draw, print the numbers.

    Raises:
        SgtoolError: The flags, the network, the images or the detector cannot be used.
    """
    with workplace(flags) as place:
        findings = measure_features(metrics, flags, ways, place)
    if findings is not None:
        show(findings, json=flags.json)


@contextmanager
def workplace(flags: SubjectFlags) -> "Iterator[Workplace]":
    """The device, the processes that share the work, and the user's cache of features.

    Raises:
        SgtoolError: There is no such device, or the processes do not find each other.
    """
    from stylegan_cli.runtime import world

    device = device_of(flags)
    with world(device) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        yield workplace_of(flags, device, processes)


def measure_features(
    metrics: "Sequence[Metric]", flags: SubjectFlags, ways: WayFlags, place: "Workplace"
) -> Findings | None:
    """What the first process found by features of images; None in the others.

    Raises:
        SgtoolError: The flags, the network, the images or the detector cannot be used.
    """
    from stylegan_cli.metrics.evaluation import Evaluation
    from stylegan_cli.metrics.protocol import PURPOSES, check_metrics, protocol_named

    began, protocol = time.monotonic(), protocol_named(ways.protocol)
    check_metrics(metrics, protocol)
    detectors = open_detectors([PURPOSES[each] for each in metrics], flags.detector, place.device)
    possible = _possible(metrics, detectors)
    name_detectors(detectors)
    chosen = subjects(flags, ways, options_of(flags, ways.repeat, place.device), protocol)
    evaluation = Evaluation(
        metrics=possible,
        cases=chosen.cases,
        detectors=detectors,
        protocol=protocol,
        workplace=place,
    )
    evaluation.check()
    extract(evaluation)
    if not place.world.is_first:
        return None
    total = len(evaluation.cases) * len(evaluation.metrics)
    results = tuple(console.track(evaluation.results(), label="metrics", total=total))
    for warning in evaluation.warnings():
        console.warn(warning)
    seconds = time.monotonic() - began
    return features_findings(evaluation, chosen, results, seconds=seconds, save=ways.save_features)


def device_of(flags: SubjectFlags) -> "torch.device":
    """The chosen device, made to give the same numbers each time.

    Raises:
        UsageError: There is no such device.
    """
    import torch

    from stylegan_cli.runtime import keep_freed_memory, pick_device, repeatable

    device = pick_device(flags.device)
    if device.type == "cpu":
        keep_freed_memory()
    repeatable(device, torch.float32)
    return device


def workplace_of(flags: SubjectFlags, device: "torch.device", processes: "World") -> "Workplace":
    """Where to compute, and the user's cache of features, of which the first process makes room."""
    from stylegan_cli.metrics.evaluation import Workplace
    from stylegan_cli.metrics.features import remove_unused, usual_folder

    folder = usual_folder()
    if processes.is_first:
        remove_unused(folder)
    console.detail(f"features are kept in {folder}")
    return Workplace(device=device, folder=folder, world=processes, batch_size=flags.batch)


def options_of(flags: SubjectFlags, repeat: int, device: "torch.device") -> "Options":
    """What a network is asked for."""
    from stylegan_cli.latents.sampling import Sampling
    from stylegan_cli.metrics.cases import Options

    return Options(
        count=flags.num or USUAL_NUM,
        seed=flags.seed,
        repeat=repeat,
        sampling=Sampling(psi=flags.psi, cutoff=flags.cutoff, class_name=flags.class_name),
        device=device,
        execution=execution_of(flags),
    )


def open_detectors(
    purposes: "Sequence[Purpose]", chosen: str | None, device: "torch.device"
) -> "Mapping[Purpose, FeatureDetector]":
    """A detector for each purpose.

    Raises:
        SgtoolError: There is none of the chosen name, or its weights are not here.
    """
    from stylegan_cli.detectors import open_detector

    detectors: dict[Purpose, FeatureDetector] = {}
    for purpose in purposes:
        if purpose in detectors or purpose == "distance":
            continue
        detectors[purpose] = open_detector(chosen, purpose=purpose, device=device)
    return detectors


def name_detectors(detectors: "Mapping[Purpose, FeatureDetector]") -> None:
    """Say on stderr which detectors are not the standard ones, and how to get those."""
    for purpose, detector in detectors.items():
        name_detector(detector.name, purpose)


def name_detector(name: str, purpose: "Purpose") -> None:
    """Say on stderr where a detector is not the standard one, and how to get that."""
    from stylegan_cli.detectors import how_to_get_standard, is_standard

    if not is_standard(name, purpose):
        console.note(
            f"detector {name}, whose name the numbers carry; the standard one is "
            f"{how_to_get_standard(purpose)}"
        )


def extract(evaluation: "Evaluation") -> None:
    """Compute the features that are missing, with progress.

    Raises:
        SgtoolError: Images cannot be read or drawn, or features not be written.
    """
    missing = evaluation.missing
    total = sum(len(each.pictures) for each in evaluation.extractions)
    if missing < total:
        console.note(f"features of {total - missing} of {total} images are there already")
    for _ in console.track(evaluation.run(), label="images", total=missing, count=int):
        pass


def _possible(
    metrics: "Sequence[Metric]", detectors: "Mapping[Purpose, FeatureDetector]"
) -> "tuple[Metric, ...]":
    """The metrics that the detectors can tell; what is asked for by itself must be among them."""
    detector = detectors.get("features")
    if detector is None or detector.tells_classes or "is" not in metrics:
        return tuple(metrics)
    reason = f"the Inception Score counts classes, and {detector.name} tells none"
    if len(metrics) == 1:
        from stylegan_cli.detectors import how_to_get_standard

        raise UsageError(f"{reason}; the standard detector is {how_to_get_standard('features')}")
    console.note(f"{reason}: left out")
    return tuple(metric for metric in metrics if metric != "is")
