"""`sgtool eval ppl`: how far images move with small steps of their codes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.subjects import chosen_networks, folder_of
from stylegan_cli.cli.flags import with_flags
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    BatchFlag,
    DeviceFlag,
    JsonFlag,
    NetworkFlag,
    OutputFlag,
    OverwriteFlag,
    PsiFlag,
    QuietFlag,
    VerboseFlag,
    examples,
)
from stylegan_cli.cli.output import echo_json, echo_table

if TYPE_CHECKING:
    import torch

    from stylegan_cli.detectors import PerceptualDetector
    from stylegan_cli.metrics.path_evaluation import PathEvaluation
    from stylegan_cli.runtime import World

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
        typer.Option("--class", metavar="CLASS", help="One class; else one drawn for each pair."),
    ] = None
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", metavar="NAME", help="stylegan1, stylegan2 or ada."),
    ] = None
    detector: Annotated[
        str | None,
        typer.Option("--detector", metavar="NAME", help="vgg16, or alex, which ships."),
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
    output: OutputFlag = None
    overwrite: OverwriteFlag = False
    json: JsonFlag = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


@dataclass(frozen=True, kw_only=True)
class _Setting:
    device: "torch.device"
    world: "World"
    detector: "PerceptualDetector"


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """The records of one network, one for each seed."""

    name: str
    network: Path
    records: tuple[dict[str, Any], ...]
    files: tuple[Path, ...]

    @property
    def values(self) -> list[float]:
        return [record["results"][self.name] for record in self.records]

    @property
    def spread(self) -> float:
        """Over the seeds; of one seed, what its pairs let expect."""
        if len(self.records) > 1:
            return stdev(self.values)
        return float(self.records[0]["standard_error"])


@with_flags
def ppl(*, flags: PathFlags) -> None:
    """Measure the perceptual path length: how far images move with small steps of their codes.

    Short paths mean a smooth space. Distances and their histogram are kept; the same request
    again goes on where it stopped. Only with the VGG16 detector, the counts and the crops of a
    protocol does the number carry a published name, such as ppl_wfull.
    """
    networks = chosen_networks(flags.network, flags.all_snapshots)
    with _setting(flags) as setting:
        findings = [_measure(network, flags, setting) for network in networks]
        if setting.world.is_first:
            if flags.all_snapshots is not None:
                _link_best(findings)
            _show(findings, json=flags.json)


@contextmanager
def _setting(flags: PathFlags) -> Iterator[_Setting]:
    from stylegan_cli.detectors import how_to_get_standard, is_standard, open_detector
    from stylegan_cli.runtime import pick_device, world

    device = pick_device(flags.device)
    with world(device) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        detector = open_detector(flags.detector, purpose="distance", device=device)
        if not is_standard(detector.name, "distance"):
            console.note(
                f"detector {detector.name}, whose name the numbers carry; the standard one is "
                f"{how_to_get_standard('distance')}"
            )
        yield _Setting(device=device, world=processes, detector=detector)


def _measure(path: Path, flags: PathFlags, setting: _Setting) -> _Finding:
    from stylegan_cli.metrics.path_evaluation import PathEvaluation
    from stylegan_cli.metrics.published_paths import path_options

    network = open_network(path, str(setting.device))
    options = path_options(
        flags.protocol,
        space=flags.space or ("w" if network.G.has_w else "z"),
        sampling=flags.sampling,
        crop=flags.crop,
        num=flags.num,
    )
    options = replace(options, psi=flags.psi, class_name=flags.class_name)
    folder = flags.output or folder_of(path)
    records, files = [], []
    for seed in range(flags.seed, flags.seed + flags.repeat):
        evaluation = PathEvaluation(
            network,
            setting.detector,
            replace(options, seed=seed),
            folder,
            world=setting.world,
            overwrite=flags.overwrite,
        )
        with evaluation:
            record = _run(evaluation, folder, flags.batch)
        records += [record] if record else []
        files += [evaluation.hdf5, evaluation.picture]
    return _Finding(name=evaluation.name, network=path, records=tuple(records), files=tuple(files))


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


def _show(findings: list[_Finding], *, json: bool) -> None:
    if json:
        records = [record for finding in findings for record in finding.records]
        files = [str(file) for finding in findings for file in finding.files]
        echo_json({"records": records, "files": files})
        return
    rows = [
        (finding.name, f"{mean(finding.values):.6g}", f"{finding.spread:.3g}")
        for finding in findings
    ]
    if len(findings) == 1:
        echo_table(("metric", "value", "±"), rows)
        return
    echo_table(
        ("snapshot", "metric", "value", "±"),
        [(finding.network.stem, *row) for finding, row in zip(findings, rows, strict=True)],
    )


def _link_best(findings: list[_Finding]) -> None:
    from stylegan_cli.metrics.snapshots import Best, link_best

    best = min(findings, key=lambda finding: mean(finding.values))
    link = link_best(Best(network=best.network, name=best.name, value=mean(best.values)))
    console.note(f"shortest paths: {best.network}, linked as {link}")
