"""`sgtool eval ppl`: how far images move with small steps of their codes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.evaluate.findings import Findings, joined, link, show
from stylegan_cli.cli.evaluate.flags import ProtocolFlag
from stylegan_cli.cli.evaluate.paths import PathWork, measure_paths, open_distance
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
    PsiFlag,
    QuietFlag,
    VerboseFlag,
    examples,
)

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
    from stylegan_cli.metrics.published_paths import path_options

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
