"""The parts that finders share: judges of images; showing, measuring and storing directions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.options import StudyFlags
from stylegan_cli.cli.study import run_study
from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_floats

Found = tuple["api.Discovery", "api.Judge | None"]
"""Directions, and their judge if they were found by scores."""


@dataclass(frozen=True, kw_only=True)
class DiscoverFlags(StudyFlags):
    """Options for showing, measuring and storing the directions found.

    Attributes:
        output (FILE.h5): File of directions, which may hold others already; pictures go into a
            folder beside it.
        name (NAME): Name of the directions in the file.
        seeds (LIST): Seeds, or codes in files, to show directions on; a sheet each.
        strength (LIST): Steps, in standard deviations of the network's own codes.
        measured_on (N): Number of seeds to measure changes on.
    """

    output: Annotated[Path, typer.Option("--output", "-o")] = Path("directions.h5")
    name: str | None = None
    seeds: str = "0"
    strength: str = "-3:3:7"
    measured_on: Annotated[int, typer.Option(min=2)] = 6


def discover(
    find: "Callable[[api.Network, str], Found]",
    group: str,
    flags: DiscoverFlags,
    *,
    told: bool = True,
) -> None:
    """Find directions, show and measure them, and store them with their measurements.

    Args:
        find: Returns the directions of a network, with names that begin with this one.
        group: Name of the directions in the file, unless the flags have one.
        told: Their request tells all that they depend on, so that the same request again need not
            find them.
    """
    group, output = flags.name or group, flags.output
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", group):
        # FILE:NAME@LAYERS=STEPS must be able to name them, and a folder bears the name too
        raise UsageError(
            "letters, digits, dots, dashes and slashes make a name", parameter="name", value=group
        )
    if output.suffix.lower() not in api.DIRECTIONS_SUFFIXES:
        raise UsageError(
            f"must end in {' or '.join(api.DIRECTIONS_SUFFIXES)}: it is an HDF5 file",
            parameter="output",
            value=output,
        )
    folder = output.with_suffix("") / group
    picks = api.parse_picks(flags.seeds)
    strengths = parse_floats(flags.strength, parameter="strength")
    kept: list[api.Discovery] = []
    is_kept = False

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        api.check_possible(network, sampling)
        nonlocal is_kept
        found, judge = find(network, group)
        is_there = api.check_directions(output, found, overwrite=flags.overwrite)
        again = api.kept_discovery(found, output, folder) if is_there and told else None
        is_kept = again is not None
        kept.append(again or api.without_repeats(network, found))
        effects = api.Effects(
            network=network,
            found=kept[0],
            sampling=sampling,
            samples=flags.measured_on,
            judge=judge,
        )
        return api.discovery(effects, seeds=picks, strengths=strengths)

    def keep(hdf5: Path) -> Mapping[str, Any]:
        measured, ranked = api.standings(kept[0], hdf5)
        if not is_kept:
            api.write_directions(output, measured, overwrite=flags.overwrite)
        for line in (*_ranking(ranked), *_attribute_lines(ranked)):
            console.note(line)
        if not flags.json:
            typer.echo(output)
        return {
            "directions": str(output),
            "ranking": [{**vars(each), "score": each.score} for each in ranked],
        }

    run_study(make_plan, replace(flags, output=folder), findings=keep)


def _ranking(ranked: "Sequence[api.Standing]") -> list[str]:
    wide = max(len(each.name) for each in ranked)
    lines = [f"{'direction':<{wide}}  LPIPS at 1 σ  × noise  consistency   score  layers"]
    for each in ranked:
        noise = "-" if each.over_noise is None else f"{each.over_noise:.2g}"
        lines.append(
            f"{each.name:<{wide}}  {each.lpips_per_sigma:>12.4f}  {noise:>7}  "
            f"{each.consistency:>11.2f}  {each.score:.4f}  {each.layers}"
        )
    return lines


def _attribute_lines(ranked: "Sequence[api.Standing]") -> list[str]:
    told = [each for each in ranked if each.shift is not None]
    if not told:
        return []
    wide = max(len(each.name) for each in told)
    lines = [f"{'direction':<{wide}}  shift at 1 σ  flips at 3 σ  others' shift"]
    for each in told:
        flips = "-" if each.flips is None else f"{each.flips:.0%}"
        lines.append(
            f"{each.name:<{wide}}  {each.shift:>+12.2f}  {flips:>12}  {each.dependency:>13.2f}"
        )
    return lines


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
    flags: StudyFlags,
) -> "tuple[api.Scoring, api.Judge | None]":
    """Return the scored codes, and the judge of further images."""
    if judging.scores is not None:
        return api.scores_of_csv(network, judging.scores), None
    judge = _judge(network, names, judging, flags)
    for name in names:
        # before thousands of images are drawn
        api.score_position(judge.names, name)
    class_index = api.chosen_class(network, flags.class_name)

    def score() -> "api.Scored":
        parts = api.scored(network, judge, samples, class_index=class_index, batch_size=flags.batch)
        tracked = console.track(
            parts, label="images judged", total=samples, count=lambda part: len(part.codes)
        )
        return api.join_scored(list(tracked))

    return api.Scoring(names=judge.names, count=samples, make=score), judge


def needs_pixels_alone(names: Sequence[str], judging: JudgeFlags) -> bool:
    """Return whether scores are computed from the pixels alone, without classifiers or a table."""
    others = judging.scores or judging.classifier
    return bool(names) and not others and all(name in api.PROPERTIES for name in names)


def _judge(
    network: "api.Network", names: Sequence[str], judging: JudgeFlags, flags: StudyFlags
) -> "api.Judge":
    if needs_pixels_alone(names, judging):
        return api.Properties(names=tuple(names))
    if not (names or judging.classifier):
        raise UsageError(
            f"name an attribute, as {', '.join(api.PROPERTIES)}, or one that classifiers "
            "tell, or give --scores, --classifier, or --with and --without"
        )
    own = [name for name in names if name not in api.PROPERTIES]
    panel = _panel(network, own, judging, flags.device)
    computed = tuple(name for name in names if name in api.PROPERTIES)
    return api.Judges(judges=(panel, api.Properties(names=computed))) if computed else panel


def _panel(
    network: "api.Network", names: Sequence[str], judging: JudgeFlags, device: str
) -> "api.Judge":
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
        device=device,
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
