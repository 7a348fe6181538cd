"""`sgtool eval separability`: how well planes in z and w tell attributes apart."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stylegan_cli.cli import console
from stylegan_cli.cli.evaluate.subjects import folder_of
from stylegan_cli.cli.flags import with_flags
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    BatchFlag,
    DeviceFlag,
    JsonFlag,
    NetworkFlag,
    OutputFlag,
    OverwriteFlag,
    QuietFlag,
    VerboseFlag,
    examples,
)
from stylegan_cli.cli.output import echo_json, echo_table
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    from stylegan_cli.checkpoint import Network
    from stylegan_cli.data.dataset import Dataset
    from stylegan_cli.metrics.attribute_classifier import Classifier, Description
    from stylegan_cli.metrics.attributes import Attributes
    from stylegan_cli.metrics.judged import Faces
    from stylegan_cli.metrics.path_length import Space
    from stylegan_cli.metrics.separability_evaluation import (
        AttributeResult,
        SeparabilityEvaluation,
    )
    from stylegan_cli.runtime import World

EXAMPLES = examples(
    "sgtool eval separability --train-classifier",
    "sgtool eval separability --train-classifier --classifier-kimg 10 --num 20000",
    "sgtool eval separability --only beard,hair=bun --train-classifier --data portraits.zip",
    "sgtool eval separability --attributes celeba.csv --data celeba.zip --train-classifier",
)


@dataclass(frozen=True, kw_only=True)
class SeparabilityFlags:
    """Which attributes in which spaces, and where the result goes."""

    space: Annotated[
        Literal["w", "z"] | None,
        typer.Option("--space", help="Measure one space only; otherwise both."),
    ] = None
    num: Annotated[
        int,
        typer.Option("--num", metavar="N", min=8, help="Images; the half that is surest counts."),
    ] = 200_000
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH", help="Labelled images; those of the training if not given."
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
        typer.Option("--train-classifier", help="Train the classifier if it is not there yet."),
    ] = False
    classifier_kimg: Annotated[
        float,
        typer.Option(
            "--classifier-kimg", metavar="N", min=0.001, help="Thousands of images it is shown."
        ),
    ] = 150.0
    classifier_features: Annotated[
        int,
        typer.Option(
            "--classifier-features",
            metavar="N",
            min=1,
            help="Its feature maps at the images' size; fewer than the paper's 64 are quicker.",
        ),
    ] = 64
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Images have seeds from 1000000·N on.")
    ] = 0
    network: NetworkFlag = None
    batch: BatchFlag = None
    device: DeviceFlag = "auto"
    output: OutputFlag = None
    overwrite: OverwriteFlag = False
    json: JsonFlag = False
    quiet: QuietFlag = False
    verbose: VerboseFlag = False


@with_flags
def separability(*, flags: SeparabilityFlags) -> None:
    """Measure linear separability: how well planes in z and w tell attributes of images apart.

    A classifier, trained once on the labelled real images and kept, judges generated images; a
    linear SVM then tells from their codes what it said. 1 is perfect, an attribute that no plane
    tells counts up to a factor of 2.
    """
    network = open_network(flags.network, flags.device)
    device = network.G.mapping.w_avg.device
    from stylegan_cli.metrics.judged import Faces
    from stylegan_cli.metrics.separability_evaluation import check_faces
    from stylegan_cli.runtime import world

    with world(device) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        dataset = _labelled_images(network, flags.data)
        faces = Faces(network=network, dataset=dataset, num=flags.num, seed=flags.seed)
        check_faces(faces, _spaces(faces, flags))
        path = _classifier(faces, flags, processes)
        with _evaluation(faces, path, flags, processes) as evaluation:
            _run(evaluation, flags)


def _labelled_images(network: "Network", chosen: str | None) -> "Dataset":
    from stylegan_cli import api

    recipe = network.recipe
    path = chosen or recipe.data.path
    if path is None:
        raise UsageError(f"{network.path}: does not say what it was trained on; add --data")
    if chosen is None:
        console.note(f"data {path}, as in training; --data chooses another")
    data = replace(recipe.data, path=path, labels=network.c_dim > 0)
    return api.training_data(replace(recipe, data=data))


def _attributes(dataset: "Dataset", flags: SeparabilityFlags) -> "Attributes":
    from stylegan_cli.metrics.attributes import (
        attributes_of_columns,
        attributes_of_csv,
        choose_attributes,
    )

    if flags.attributes is not None:
        found = attributes_of_csv(flags.attributes, dataset.names)
    else:
        found = attributes_of_columns(dataset.columns())
    if found.flat:
        console.warn(f"left out, as over 99 % of the images agree: {', '.join(found.flat)}")
    return choose_attributes(found, flags.only) if flags.only is not None else found


def _spaces(faces: "Faces", flags: SeparabilityFlags) -> "tuple[Space, ...]":
    if flags.space is not None:
        return (flags.space,)
    return ("w", "z") if faces.network.G.has_w else ("z",)


def _classifier(faces: "Faces", flags: SeparabilityFlags, processes: "World") -> Path:
    """The file of the classifier of these attributes, trained first where that is asked for."""
    from stylegan_cli.metrics.attribute_classifier import (
        ClassifierOptions,
        classifier_path,
        describe_classifier,
        train_classifier,
    )

    network, dataset = faces.network, faces.dataset
    attributes, data = _attributes(dataset, flags), network.recipe.data
    options = ClassifierOptions(
        kimg=flags.classifier_kimg,
        finest_features=flags.classifier_features,
        mirror=data.mirror,
    )
    described = describe_classifier(dataset, attributes, (data.resolution, data.channels), options)
    path = classifier_path(described)
    if path.exists():
        console.note(f"classifier {path}")
        return path
    if processes.size > 1:
        raise UsageError(
            "the classifier is not trained yet; run this once with --train-classifier and without "
            "torchrun, it is kept"
        )
    if not flags.train_classifier:
        raise UsageError(
            f"no classifier of {_count(described)} of these images yet; add --train-classifier "
            f"to train one on {options.kimg:g} thousand images (--classifier-kimg), it is kept"
        )
    console.note(f"training a classifier of {_count(described)}: {', '.join(described.names)}")
    device = network.G.mapping.w_avg.device
    steps = train_classifier(dataset, attributes, described, path, device)
    total = round(options.kimg * 1000)
    for _ in console.track(steps, label="training images", total=total, count=int):
        pass
    console.note(f"wrote {path}")
    return path


def _count(described: "Description") -> str:
    count = len(described.names)
    return f"{count} attribute{'s' * (count > 1)}"


@contextmanager
def _evaluation(
    faces: "Faces", path: Path, flags: SeparabilityFlags, processes: "World"
) -> "Iterator[SeparabilityEvaluation]":
    from stylegan_cli.checkpoint import file_sha256
    from stylegan_cli.metrics.attribute_classifier import load_classifier
    from stylegan_cli.metrics.separability_evaluation import SeparabilityEvaluation

    classifier = load_classifier(path, faces.network.G.mapping.w_avg.device)
    _tell_accuracy(classifier)
    evaluation = SeparabilityEvaluation(
        faces,
        classifier,
        _spaces(faces, flags),
        flags.output or folder_of(faces.network.path),
        classifier_sha256=file_sha256(path),
        world=processes,
        overwrite=flags.overwrite,
    )
    with evaluation:
        yield evaluation


def _tell_accuracy(classifier: "Classifier") -> None:
    described = classifier.description
    for name, right, usual in zip(
        described.names, described.accuracy, described.majority, strict=True
    ):
        console.note(f"classifier {name}: right {right:.1%}, always the same {usual:.1%}")


def _run(evaluation: "SeparabilityEvaluation", flags: SeparabilityFlags) -> None:
    """Do what is missing, then tell the results; in the first process."""
    from stylegan_cli.metrics.records import NAME, append_record

    began = time.monotonic()
    _say_how_far(evaluation)
    images = evaluation.judged(flags.batch)
    missing = flags.num - evaluation.there
    for _ in console.track(images, label="images", total=missing, count=lambda i: len(i.logits)):
        pass
    if not evaluation.is_first:
        return
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
    if flags.json:
        echo_json({"records": [record], "files": [str(evaluation.path)]})
    else:
        _show(results, record["results"])


def _say_how_far(evaluation: "SeparabilityEvaluation") -> None:
    if evaluation.damage:
        console.warn(f"{evaluation.damage}; starting over")
    if evaluation.there:
        console.note(f"{evaluation.path}: going on, {evaluation.there} images are judged")


def _show(results: "Sequence[AttributeResult]", scores: dict[str, Any]) -> None:
    """The score of each space, then what each attribute adds to it."""
    rows = [(name, f"{value:.6g}", "", "") for name, value in scores.items()]
    rows += [
        (
            f"{result.name} in {result.space}",
            f"{result.separation.entropy:.4f}",
            f"{result.separation.share:.3f}",
            f"{result.separation.accuracy:.3f}",
        )
        for result in results
    ]
    echo_table(("metric, attribute", "value, bits", "have it", "told"), rows)
