"""Judges of images: classifiers, a table of scores, or properties of the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.errors import UsageError

if TYPE_CHECKING:
    from stylegan_cli.cli.options import StudyFlags


@dataclass(frozen=True, kw_only=True)
class JudgeFlags:
    """Flags for the source of scores other than the pixels.

    Attributes:
        scores (CSV): Your own scores: a seed and its scores on each line.
        classifier (PATH): A classifier or folder of them; may be repeated.
        train_classifier: Train missing classifiers.
        classifier_kimg (N): Training images per classifier, in thousands.
        data (PATH): Labelled images. Default: the training data.
    """

    scores: Path | None = None
    classifier: list[Path] | None = None
    train_classifier: bool = False
    classifier_kimg: Annotated[float, typer.Option(min=0.001)] = 150.0
    data: str | None = None


def judged(
    network: "api.Network",
    names: Sequence[str],
    samples: int,
    judging: JudgeFlags,
    flags: "StudyFlags",
) -> "tuple[tuple[str, ...], api.Scored, api.Judge | None]":
    """Return the names of scores, the scored codes, and the judge of further images.

    Raises:
        SgtoolError: There is nothing that tells these attributes.
    """

    if judging.scores is not None:
        columns, scored = api.scores_of_csv(network, judging.scores)
        return columns, scored, None
    judge = _judge(network, names, judging)
    for name in names:
        # before thousands of images are drawn
        api.score_position(judge.names, name)
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
    """Return the classifiers, trained first on request; print how accurate they are."""

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
