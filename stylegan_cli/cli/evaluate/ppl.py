"""`sgtool eval ppl`: how far images move with small steps of their codes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.evaluate.command import name_detector
from stylegan_cli.cli.evaluate.findings import Findings, Row, joined, link, show
from stylegan_cli.cli.evaluate.flags import ProtocolFlag
from stylegan_cli.cli.evaluate.subjects import chosen_networks, folder_of
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    BackendFlag,
    BatchFlag,
    CompileFlag,
    DeviceFlag,
    JsonFlag,
    NetworkFlag,
    OutputFlag,
    OverwriteFlag,
    PrecisionFlag,
    PsiFlag,
    QuietFlag,
    VerboseFlag,
    examples,
    with_flags,
)

if TYPE_CHECKING:
    import torch

    from stylegan_cli.detectors import PerceptualDetector
    from stylegan_cli.metrics.ppl.evaluation import PathEvaluation
    from stylegan_cli.metrics.ppl.ppl import PathOptions
    from stylegan_cli.networks.snapshot import Network
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
    from stylegan_cli.metrics.ppl.evaluation import PathEvaluation

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


EXAMPLES = examples(
    "sgtool eval ppl",
    "sgtool eval ppl --space z --num 1000 --network runs/people",
    "sgtool eval ppl --sampling end --repeat 3 --json",
    "sgtool eval ppl --all-snapshots runs/people --num 500",
    "sgtool eval ppl --protocol stylegan2 --detector vgg16",
)


@dataclass(frozen=True, kw_only=True)
class PathFlags:
    """Which path length is measured, of what, and where it goes."""

    space: Annotated[
        Literal["w", "z"] | None,
        typer.Option("--space", help="Where paths run; w if the network has one."),
    ] = None
    sampling: Annotated[
        Literal["full", "end"],
        typer.Option("--sampling", help="Steps anywhere on a path, or at its end."),
    ] = "full"
    crop: Annotated[
        bool | None,
        typer.Option(
            "--crop/--no-crop",
            help="Compare only where faces of FFHQ are; as the protocol if not given.",
        ),
    ] = None
    num: Annotated[
        int | None,
        typer.Option("--num", metavar="N", min=2, help="Pairs of codes; 5000, or the protocol's."),
    ] = None
    psi: PsiFlag = 1.0
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            autocompletion=completion.classes,
            help="One class; else one drawn for each pair.",
        ),
    ] = None
    protocol: ProtocolFlag = None
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="NAME",
            autocompletion=completion.distance_detectors,
            help="vgg16, or alex, which ships.",
        ),
    ] = None
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of all pairs.")] = 0
    repeat: Annotated[
        int,
        typer.Option("--repeat", metavar="K", min=1, help="Seeds to measure: mean and deviation."),
    ] = 1
    all_snapshots: Annotated[
        Path | None,
        typer.Option("--all-snapshots", metavar="RUN", help="Measure every network of a run."),
    ] = None
    network: NetworkFlag = None
    batch: BatchFlag = None
    device: DeviceFlag = "auto"
    precision: PrecisionFlag = "auto"
    backend: BackendFlag = "auto"
    compile: CompileFlag = False
    output: OutputFlag = None
    overwrite: OverwriteFlag = False
    json: JsonFlag = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


@with_flags
def ppl(*, flags: PathFlags) -> None:
    """Measure the perceptual path length (PPL).

    It tells how far images move with small steps of their codes: short paths mean a smooth space.
    Distances and their histogram are kept; the same request again goes on where it stopped. Only
    with the VGG16 detector, the counts and the crops of a protocol does the number carry a
    published name, such as ppl_wfull.
    """
    from stylegan_cli.runtime import pick_device, world

    paths = chosen_networks(flags.network, flags.all_snapshots)
    device = pick_device(flags.device)
    with world(device) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        work = PathWork(
            detector=open_distance(flags.detector, device),
            world=processes,
            repeat=flags.repeat,
            batch=flags.batch,
            output=flags.output,
            overwrite=flags.overwrite,
            along="snapshot" if flags.all_snapshots is not None else "",
        )
        found = [_measure(path, flags, work) for path in paths]
        if processes.is_first:
            show(_compared(found, paths), json=flags.json)


def _measure(path: Path, flags: PathFlags, work: PathWork) -> Findings:
    from stylegan_cli.metrics.ppl.evaluation import path_options

    network = open_network(path, flags)
    options = path_options(
        flags.protocol,
        space=flags.space or ("w" if network.G.has_w else "z"),
        sampling=flags.sampling,
        crop=flags.crop,
        num=flags.num,
    )
    wanted = replace(options, psi=flags.psi, class_name=flags.class_name, seed=flags.seed)
    return measure_paths(network, wanted, work)


def _compared(found: Sequence[Findings], paths: Sequence[Path]) -> Findings:
    """All of them as one, the network of the shortest paths linked where there are several."""
    whole = joined(found)
    if not whole.along:
        return whole
    from stylegan_cli.metrics.snapshots import Best

    row, path = min(zip(whole.rows, paths, strict=True), key=lambda each: each[0].value)
    return replace(whole, best=link(Best(network=path, name=row.name, value=row.value)))
