"""Path lengths of a network: measured or taken up again, recorded."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.command import name_detector
from stylegan_cli.cli.evaluate.findings import Findings, Row
from stylegan_cli.cli.evaluate.subjects import folder_of

if TYPE_CHECKING:
    import torch

    from stylegan_cli.checkpoint import Network
    from stylegan_cli.detectors import PerceptualDetector
    from stylegan_cli.metrics.path_evaluation import PathEvaluation
    from stylegan_cli.metrics.steps import PathOptions
    from stylegan_cli.runtime import World


@dataclass(frozen=True, kw_only=True)
class PathWork:
    """What path lengths are measured with, and where they go.

    Attributes:
        repeat: Seeds from that of the options on.
        output: None takes the network's run.
        along: "snapshot" where several networks are compared.
    """

    detector: "PerceptualDetector"
    world: "World"
    repeat: int
    batch: int | None
    output: Path | None
    overwrite: bool
    along: str


def open_distance(chosen: str | None, device: "torch.device") -> "PerceptualDetector":
    """A detector of distances; says on stderr where it is not the standard one.

    Raises:
        SgtoolError: There is none of the chosen name, or its weights are not here.
    """
    from stylegan_cli.detectors import open_detector

    detector = open_detector(chosen, purpose="distance", device=device)
    name_detector(detector.name, "distance")
    return detector


def measure_paths(network: "Network", options: "PathOptions", work: PathWork) -> Findings:
    """One path length of a network; in other processes than the first without any number.

    Raises:
        SgtoolError: The network has no such path length, or a place cannot be written.
    """
    from stylegan_cli.metrics.path_evaluation import PathEvaluation

    folder = work.output or folder_of(network.path)
    records, files = [], []
    for seed in range(options.seed, options.seed + work.repeat):
        evaluation = PathEvaluation(
            network,
            work.detector,
            replace(options, seed=seed),
            folder,
            world=work.world,
            overwrite=work.overwrite,
        )
        with evaluation:
            record = _run(evaluation, folder, work.batch)
        records += [record] if record else []
        files += [evaluation.hdf5, evaluation.picture]
    case = network.path.stem if work.along else ""
    return Findings(
        along=work.along,
        rows=(_row(case, evaluation.name, records),) if records else (),
        records=tuple(records),
        files=tuple(files),
    )


def _row(case: str, name: str, records: list[dict[str, Any]]) -> Row:
    values = [record["results"][name] for record in records]
    # of one seed, what its pairs let expect
    spread = stdev(values) if len(values) > 1 else float(records[0]["standard_error"])
    return Row(case=case, name=name, value=mean(values), spread=spread)


def _run(evaluation: "PathEvaluation", folder: Path, batch: int | None) -> dict[str, Any] | None:
    """Do what is missing; the record, in the first process."""
    from stylegan_cli.metrics.records import NAME, append_record

    _say_how_far(evaluation)
    began = time.monotonic()
    spans = evaluation.spans(batch)
    for _ in console.track(
        spans, label="pairs", total=evaluation.missing, count=lambda span: len(span.distances)
    ):
        pass
    if not evaluation.is_first:
        return None
    record = evaluation.record(time.monotonic() - began)
    evaluation.finish()
    if not evaluation.was_finished:
        append_record(folder / NAME, record)
        console.note(f"wrote {folder / NAME}, {evaluation.hdf5}, {evaluation.picture}")
    return record


def _say_how_far(evaluation: "PathEvaluation") -> None:
    if evaluation.damage:
        console.warn(f"{evaluation.damage}; starting over")
    if evaluation.was_finished:
        console.note(f"{evaluation.hdf5}: all pairs are there already")
    elif evaluation.there:
        console.note(f"{evaluation.hdf5}: going on, {evaluation.there} pairs are there")
