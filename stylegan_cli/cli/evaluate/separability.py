"""`sgtool eval separability`: how well planes in z and w tell attributes apart."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.console import echo_table
from stylegan_cli.cli.evaluate.classifiers import open_judging
from stylegan_cli.cli.evaluate.findings import Findings, Row, joined, link, show
from stylegan_cli.cli.evaluate.flags import ClassifierFlags
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
    QuietFlag,
    VerboseFlag,
    examples,
    with_flags,
)

if TYPE_CHECKING:
    from stylegan_cli.cli.evaluate.classifiers import Judging
    from stylegan_cli.metrics.separability.evaluation import SeparabilityEvaluation
    from stylegan_cli.metrics.separability.separability import SeparabilityOptions
    from stylegan_cli.networks.snapshot import Network
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
    from stylegan_cli.metrics.records import NAME
    from stylegan_cli.metrics.separability.evaluation import SeparabilityEvaluation
    from stylegan_cli.metrics.separability.judging import Faces

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


EXAMPLES = examples(
    "sgtool eval separability --train-classifier",
    "sgtool eval separability --train-classifier --classifier-kimg 10 --num 20000",
    "sgtool eval separability --train-classifier --shared-classifier --repeat 3",
    "sgtool eval separability --only beard,hair=bun --train-classifier --data portraits.zip",
    "sgtool eval separability --attributes celeba.csv --data celeba.zip --train-classifier",
    "sgtool eval separability --all-snapshots runs/people --num 20000",
)


@dataclass(frozen=True, kw_only=True)
class SeparabilityFlags:
    """Which spaces of which networks, and where the result goes."""

    space: Annotated[
        Literal["w", "z"] | None,
        typer.Option("--space", help="Measure one space only; otherwise both."),
    ] = None
    num: Annotated[
        int | None,
        typer.Option(
            "--num", metavar="N", min=8, help="Images, 200000 if not given; the surest half counts."
        ),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH", help="Labelled images; those of the training if not given."
        ),
    ] = None
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            autocompletion=completion.protocols,
            help="stylegan1 or stylegan2: unscaled codes.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Images have seeds from 1000000·N on.")
    ] = 0
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
def separability(*, flags: SeparabilityFlags, classifiers: ClassifierFlags) -> None:
    """Measure how well planes in z and w tell attributes apart.

    This is linear separability. Classifiers, trained once on the labelled real images and kept,
    judge generated images; a linear SVM then tells from their codes what they said. 1 is perfect,
    an attribute that no plane tells counts up to a factor of 2.
    """
    paths = chosen_networks(flags.network, flags.all_snapshots)
    network = open_network(paths[0], flags)
    from stylegan_cli.metrics.fakes import seeds_of
    from stylegan_cli.metrics.separability.separability import check_network
    from stylegan_cli.runtime import world

    with world(network.G.mapping.w_avg.device) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        options, work = _options(network, flags), _work(flags, processes)
        check_network(network, options)
        seeds_of(flags.seed + flags.repeat - 1, range(work.count))
        judging = open_judging(network, flags.data, classifiers, processes)
        found = [
            measure_planes(each, judging, options, work)
            for each in (network, *(open_network(path, flags) for path in paths[1:]))
        ]
        if processes.is_first:
            _show(_compared(found, paths), json=flags.json)


def _options(network: "Network", flags: SeparabilityFlags) -> "SeparabilityOptions":
    from stylegan_cli.metrics.separability.separability import SeparabilityOptions, spaces_of

    spaces = (flags.space,) if flags.space else spaces_of(network)
    return SeparabilityOptions(spaces=spaces, protocol=flags.protocol)


def _work(flags: SeparabilityFlags, processes: "World") -> PlaneWork:
    return PlaneWork(
        num=flags.num,
        seed=flags.seed,
        repeat=flags.repeat,
        world=processes,
        batch=flags.batch,
        output=flags.output,
        overwrite=flags.overwrite,
        along="snapshot" if flags.all_snapshots is not None else "",
    )


def _compared(found: Sequence[Findings], paths: Sequence[Path]) -> Findings:
    """All of them as one, the most separable network linked where there are several."""
    whole = joined(found)
    if not whole.along:
        return whole
    from stylegan_cli.metrics.snapshots import Best

    first = [each.rows[0] for each in found]
    row, path = min(zip(first, paths, strict=True), key=lambda each: each[0].value)
    return replace(whole, best=link(Best(network=path, name=row.name, value=row.value)))


def _show(findings: Findings, *, json: bool) -> None:
    """The score of each space, then what each attribute adds to it."""
    show(findings, json=json)
    if json or findings.along:
        return
    columns = ("attribute", "bits", "have it", "told", "classifier right", "kept", "converged")
    echo_table(columns, _attribute_rows(findings.records))


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _attribute_rows(records: Sequence[Any]) -> list[tuple[str, ...]]:
    """Means over the repeats."""
    rows: list[tuple[str, ...]] = []
    for runs in zip(*(record["attributes"] for record in records), strict=True):
        first = runs[0]
        rows.append(
            (
                f"{first['name']} in {first['space']}",
                f"{mean(run['entropy'] for run in runs):.4f}",
                f"{mean(run['share'] for run in runs):.3f}",
                f"{mean(run['accuracy'] for run in runs):.3f}",
                _share(first["classifier_accuracy"]),
                f"{records[0]['num_kept']} of {records[0]['num']}",
                "yes" if all(run["converged"] for run in runs) else "no",
            )
        )
    return rows
