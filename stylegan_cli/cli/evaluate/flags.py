"""The flags of `sgtool eval`, each defined once, and those of a metric's own options."""

from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion
from stylegan_cli.cli.options import (
    BackendFlag,
    BatchFlag,
    CompileFlag,
    CutoffFlag,
    DeviceFlag,
    JsonFlag,
    NetworkFlag,
    OutputFlag,
    OverwriteFlag,
    PrecisionFlag,
    PsiFlag,
    QuietFlag,
    VerboseFlag,
)

COMPUTING = frozenset(
    {"batch", "device", "precision", "backend", "compile", "json", "quiet", "verbose"}
)
"""Flags of every metric, which change no number."""


@dataclass(frozen=True, kw_only=True)
class EvalFlags:
    """Options of a measurement: its subject, its reference, repeats and the output."""

    network: NetworkFlag = None
    all_snapshots: Annotated[
        Path | None,
        typer.Option("--all-snapshots", metavar="RUN", help="Measure every network of a run."),
    ] = None
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="PATH", help="Measure a folder or zip of images, no network."
        ),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH", help="Real images; those of the training if not given."
        ),
    ] = None
    num: int | None = None
    seed: Annotated[
        int,
        typer.Option(
            "--seed", metavar="N", min=0, help="Images have the seeds from 1000000 · N on."
        ),
    ] = 0
    repeat: Annotated[
        int,
        typer.Option("--repeat", metavar="K", min=1, help="Seeds to measure: mean and deviation."),
    ] = 1
    psi: PsiFlag = 1.0
    cutoff: CutoffFlag = None
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            autocompletion=completion.classes,
            help="Measure one class, by name or number.",
        ),
    ] = None
    psi_curve: Annotated[
        str | None,
        typer.Option("--psi-curve", metavar="LIST", help="Truncations, such as 0.5:1:6; a plot."),
    ] = None
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Measure every class by itself.")
    ] = False
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="NAME",
            autocompletion=completion.feature_detectors,
            help="inception, vgg16, mobilenet, or alex, which is in the package; paths take vgg16 "
            "or alex.",
        ),
    ] = None
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            autocompletion=completion.protocols,
            help="Measure as published: stylegan1, stylegan2 or ada.",
        ),
    ] = None
    save_features: Annotated[
        bool, typer.Option("--save-features", help="Write all features to an HDF5 file.")
    ] = False
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


def flags_of(metric: "api.Metric") -> type:
    """Make the class of the flags that a metric has: its own options, then those it takes."""
    own = _own(metric.options) if metric.options else []
    return make_dataclass("Flags", [*own, *_shared(metric.takes, metric.num)], kw_only=True)


def flags_of_all(metrics: "list[api.Metric]") -> type:
    """Make the class of the flags of all metrics together, without what makes sense alone only."""
    own = {}
    for metric in metrics:
        flags = _own(metric.options) if metric.options else []
        own.update({flag[0]: flag for flag in flags if flag[0] not in metric.alone})
    names = frozenset(f.name for f in fields(EvalFlags)) - {"overwrite"}
    words = "Samples of each metric, its usual number if not given."
    return make_dataclass("Flags", [*own.values(), *_shared(names, words)], kw_only=True)


def _shared(names: frozenset[str], num: str) -> list[tuple[str, Any, Any]]:
    number = Annotated[int | None, typer.Option("--num", metavar="N", min=1, help=num)]
    return [
        (f.name, number if f.name == "num" else f.type, field(default=f.default))
        for f in fields(EvalFlags)
        if f.name in names | COMPUTING
    ]


def _own(options: type) -> list[tuple[str, Any, Any]]:
    flags = []
    for f in fields(options):
        kind, words = get_args(f.type)
        name = f.name.replace("_", "-")
        flag = typer.Option(
            f"--{name}/--no-{name}" if kind == bool | None else f"--{name}",
            help=words.words,
            metavar=words.metavar,
            min=words.least,
        )
        flags.append((f.name, Annotated[kind, flag], field(default=f.default)))
    return flags
