"""Separability of a network: images judged or taken up again, planes fitted, recorded."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.findings import Findings, Row
from stylegan_cli.cli.evaluate.subjects import folder_of

if TYPE_CHECKING:
    from stylegan_cli.checkpoint import Network
    from stylegan_cli.cli.evaluate.classifiers import Judging
    from stylegan_cli.metrics.separability_evaluation import SeparabilityEvaluation
    from stylegan_cli.metrics.separability_options import SeparabilityOptions
    from stylegan_cli.runtime import World

USUAL_NUM = 200_000


@dataclass(frozen=True, kw_only=True)
class PlaneWork:
    """How many images are judged, in how many processes, and where the result goes.

    Attributes:
        num: None takes the paper's 200,000.
        repeat: Seeds from `seed` on.
        output: None takes the network's run.
        along: "snapshot" where several networks are compared.
    """

    num: int | None
    seed: int
    repeat: int
    world: "World"
    batch: int | None
    output: Path | None
    overwrite: bool
    along: str

    @property
    def count(self) -> int:
        """How many images are judged."""
        return self.num or USUAL_NUM


def measure_planes(
    network: "Network", judging: "Judging", options: "SeparabilityOptions", work: PlaneWork
) -> Findings:
    """The separability of a network's spaces; in other processes than the first no number.

    Raises:
        SgtoolError: The network has no such space or labels, or a place cannot be written.
    """
    from stylegan_cli.metrics.judged import Faces
    from stylegan_cli.metrics.records import NAME
    from stylegan_cli.metrics.separability_evaluation import SeparabilityEvaluation

    folder = work.output or folder_of(network.path)
    faces = Faces(network=network, dataset=judging.dataset, num=work.count, seed=work.seed)
    records, files = [], [folder / NAME]
    for seed in range(work.seed, work.seed + work.repeat):
        evaluation = SeparabilityEvaluation(
            replace(faces, seed=seed),
            judging.panel,
            options,
            folder,
            world=work.world,
            overwrite=work.overwrite,
        )
        with evaluation:
            record = _run(evaluation, work.batch)
        records += [record] if record else []
        files.append(evaluation.path)
    case = network.path.stem if work.along else ""
    return Findings(
        along=work.along,
        rows=_rows(case, records),
        records=tuple(records),
        files=tuple(files),
    )


def _rows(case: str, records: list[dict[str, Any]]) -> tuple[Row, ...]:
    if not records:
        return ()
    runs: list[Mapping[str, float]] = [record["results"] for record in records]
    table = {name: [run[name] for run in runs] for name in runs[0]}
    return tuple(
        Row(
            case=case,
            name=name,
            value=mean(values),
            spread=stdev(values) if len(values) > 1 else None,
        )
        for name, values in table.items()
    )


def _run(evaluation: "SeparabilityEvaluation", batch: int | None) -> dict[str, Any] | None:
    """Do what is missing; the record, in the first process."""
    from stylegan_cli.metrics.records import NAME, append_record

    began = time.monotonic()
    _say_how_far(evaluation)
    images = evaluation.judged(batch)
    for _ in console.track(
        images, label="images", total=evaluation.missing, count=lambda part: len(part.logits)
    ):
        pass
    if not evaluation.is_first:
        return None
    total = len(evaluation.names) * len(evaluation.spaces)
    results = list(console.track(evaluation.results(), label="planes", total=total))
    for warning in evaluation.warnings(results):
        console.warn(warning)
    record = evaluation.record(results, time.monotonic() - began)
    evaluation.finish(results)
    if not evaluation.was_finished:
        records = evaluation.path.with_name(NAME)
        append_record(records, record)
        console.note(f"wrote {records}, {evaluation.path}")
    return record


def _say_how_far(evaluation: "SeparabilityEvaluation") -> None:
    if evaluation.damage:
        console.warn(f"{evaluation.damage}; starting over")
    if evaluation.was_finished:
        console.note(f"{evaluation.path}: all images are judged already")
    elif evaluation.there:
        console.note(f"{evaluation.path}: going on, {evaluation.there} images are judged")
