"""`sgtool eval separability`: how well planes in z and w tell attributes apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.evaluate.classifiers import open_judging
from stylegan_cli.cli.evaluate.findings import Findings, joined, link, show
from stylegan_cli.cli.evaluate.flags import ClassifierFlags
from stylegan_cli.cli.evaluate.planes import PlaneWork, measure_planes
from stylegan_cli.cli.evaluate.subjects import chosen_networks
from stylegan_cli.cli.flags import with_flags
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
)
from stylegan_cli.cli.output import echo_table

if TYPE_CHECKING:
    from stylegan_cli.checkpoint import Network
    from stylegan_cli.metrics.separability_options import SeparabilityOptions
    from stylegan_cli.runtime import World

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
    from stylegan_cli.metrics.separability_options import check_network
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
    from stylegan_cli.metrics.separability_options import SeparabilityOptions, spaces_of

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
