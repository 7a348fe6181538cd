"""The flags of `sgtool eval`: what is measured, and in which ways."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

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
    PrecisionFlag,
    PsiFlag,
    QuietFlag,
    VerboseFlag,
)

USUAL_NUM = 50_000

NumFlag = Annotated[
    int | None,
    typer.Option("--num", metavar="N", min=1, help="Images that are measured; 50000 if not given."),
]
DataFlag = Annotated[
    str | None,
    typer.Option("--data", metavar="PATH", help="Real images; those of the training if not given."),
]
DetectorFlag = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        autocompletion=completion.feature_detectors,
        help="inception, vgg16, mobilenet or alex, which ships.",
    ),
]
ProtocolFlag = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        metavar="NAME",
        autocompletion=completion.protocols,
        help="stylegan1, stylegan2 or ada.",
    ),
]
SeedFlag = Annotated[
    int,
    typer.Option("--seed", metavar="N", min=0, help="Images have the seeds from 1000000 · N on."),
]


@dataclass(frozen=True, kw_only=True)
class SubjectFlags:
    """What is measured, with which detector, and where it goes."""

    network: NetworkFlag = None
    data: DataFlag = None
    num: NumFlag = None
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
    detector: DetectorFlag = None
    seed: SeedFlag = 0
    batch: BatchFlag = None
    device: DeviceFlag = "auto"
    precision: PrecisionFlag = "auto"
    backend: BackendFlag = "auto"
    compile: CompileFlag = False
    output: OutputFlag = None
    json: JsonFlag = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


@dataclass(frozen=True, kw_only=True)
class WayFlags:
    """Against what, how often, and along what the same is measured."""

    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="PATH", help="Measure a folder or zip of images, no network."
        ),
    ] = None
    repeat: Annotated[
        int,
        typer.Option("--repeat", metavar="K", min=1, help="Seeds to measure: mean and deviation."),
    ] = 1
    protocol: ProtocolFlag = None
    all_snapshots: Annotated[
        Path | None,
        typer.Option("--all-snapshots", metavar="RUN", help="Measure every network of a run."),
    ] = None
    psi_curve: Annotated[
        str | None,
        typer.Option("--psi-curve", metavar="LIST", help="Truncations, such as 0.5:1:6; a plot."),
    ] = None
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Measure every class by itself.")
    ] = False
    save_features: Annotated[
        bool, typer.Option("--save-features", help="Write all features to an HDF5 file.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ClassifierFlags:
    """Which attributes count for separability, and what tells them of images."""

    classifier: Annotated[
        list[Path] | None,
        typer.Option(
            "--classifier", metavar="PATH", help="A classifier or folder of them; may be repeated."
        ),
    ] = None
    attributes: Annotated[
        Path | None,
        typer.Option(
            "--attributes",
            metavar="CSV",
            help="Table of the images' names and attributes, instead of the data set's columns.",
        ),
    ] = None
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="LIST", help="Some attributes, such as beard,hair=bun."),
    ] = None
    train_classifier: Annotated[
        bool,
        typer.Option("--train-classifier", help="Train the classifiers that are not there yet."),
    ] = False
    shared_classifier: Annotated[
        bool,
        typer.Option("--shared-classifier", help="One for all attributes, which is quicker."),
    ] = False
    classifier_kimg: Annotated[
        float,
        typer.Option(
            "--classifier-kimg", metavar="N", min=0.001, help="Thousands of images each is shown."
        ),
    ] = 150.0
    classifier_features: Annotated[
        int,
        typer.Option(
            "--classifier-features",
            metavar="N",
            min=1,
            help="Feature maps at the images' size; fewer than the paper's 64 are quicker.",
        ),
    ] = 64
