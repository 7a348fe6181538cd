"""What scores the images of a network: classifiers, a table, or the pixels themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    from stylegan_cli.cli.study import StudyFlags


@dataclass(frozen=True, kw_only=True)
class JudgeFlags:
    """Where scores come from, if not from the pixels."""

    scores: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Your own scores: a seed and its scores on each line."),
    ] = None
    classifier: Annotated[
        list[Path] | None,
        typer.Option(
            "--classifier", metavar="PATH", help="A classifier or folder of them; may be repeated."
        ),
    ] = None
    train_classifier: Annotated[
        bool,
        typer.Option("--train-classifier", help="Train the classifiers that are not there yet."),
    ] = False
    classifier_kimg: Annotated[
        float,
        typer.Option(
            "--classifier-kimg", metavar="N", min=0.001, help="Thousands of images each is shown."
        ),
    ] = 150.0
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH", help="Labelled images; those of the training if not given."
        ),
    ] = None


def judged(
    network: "api.Network",
    names: Sequence[str],
    samples: int,
    judging: JudgeFlags,
    flags: "StudyFlags",
) -> "tuple[tuple[str, ...], api.Scored, api.Judge | None]":
    """Names of scores, codes with their scores, and what else could score images.

    Raises:
        SgtoolError: There is nothing that tells these attributes.
    """

    if judging.scores is not None:
        columns, scored = api.scores_of_csv(network, judging.scores)
        return columns, scored, None
    judge = _judge(network, names, judging)
    parts = api.scored(
        network,
        judge,
        samples,
        class_index=api.chosen_class(network, flags.class_name),
        batch_size=flags.batch,
    )
    tracked = console.track(
        parts, label="images judged", total=samples, count=lambda part: len(part.codes)
    )
    return judge.names, api.join_scored(list(tracked)), judge


def _judge(network: "api.Network", names: Sequence[str], judging: JudgeFlags) -> "api.Judge":

    if names and not judging.classifier and all(name in api.property_names() for name in names):
        return api.properties(names)
    if not (names or judging.classifier):
        raise UsageError(
            f"name an attribute, as {', '.join(api.property_names())}, or one that classifiers "
            "tell, or give --scores, --classifier, or --with and --without"
        )
    own = [name for name in names if name not in api.property_names()]
    panel = _panel(network, own, judging)
    computed = [name for name in names if name in api.property_names()]
    return api.both_judges(panel, api.properties(computed)) if computed else panel


def _panel(network: "api.Network", names: Sequence[str], judging: JudgeFlags) -> "api.Judge":
    """The classifiers, trained first where that was asked for; says how far they can be trusted."""

    events = api.open_classifiers(
        network,
        api.SeparabilityOptions(
            classifier=judging.classifier,
            only=",".join(names) if names and not judging.classifier else None,
            train_classifier=judging.train_classifier,
            classifier_kimg=judging.classifier_kimg,
        ),
        data=judging.data,
    )
    while True:
        try:
            event = next(events)
        except StopIteration as done:
            panel: api.Judge = done.value
            return panel
        if isinstance(event, api.Remark):
            (console.warn if event.is_warning else console.note)(event.text)
        elif isinstance(event, api.Steps):
            for _ in console.track(event.counts, label=event.label, total=event.total, count=int):
                pass
