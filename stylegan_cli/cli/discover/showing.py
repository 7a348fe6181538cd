"""The common end of every finder: show, measure, store and rank the directions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.options import StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_floats

with_flags_of_discovery = partial(with_flags, without=("output",))

FileFlag = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.h5",
        help="File of directions, which may hold others already; pictures go into a folder "
        "beside it.",
    ),
]
NameFlag = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Name of the directions in the file."),
]
CountFlag = Annotated[
    int, typer.Option("--count", metavar="N", min=1, max=1000, help="Directions to keep.")
]
SamplesFlag = Annotated[
    int, typer.Option("--samples", metavar="N", min=100, help="Images to draw and score.")
]


class FoundDirections(NamedTuple):
    """Directions, and the judge of images if they were found by scores."""

    discovery: "api.Discovery"
    judge: "api.Judge | None" = None


Find = Callable[["api.Network", str], FoundDirections]
"""Returns the directions of a network, with names that begin with this one."""


@dataclass(frozen=True, kw_only=True)
class ShowFlags:
    """Flags for showing and measuring the directions found.

    Attributes:
        seeds (LIST): Seeds, or codes in files, to show directions on; a sheet each.
        strength (LIST): Steps, in standard deviations of the network's own codes.
        measured_on (N): Number of seeds to measure changes on.
    """

    seeds: str = "0"
    strength: str = "-3:3:7"
    measured_on: Annotated[int, typer.Option(min=2)] = 6


def discover(find: Find, group: str, output: Path, show: ShowFlags, flags: StudyFlags) -> None:
    """Find directions, show and measure them, and store them with their measurements.

    Args:
        group: Name of the directions in the file.

    Raises:
        SgtoolError: The network, the options or the place cannot be used.
    """

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
    picks = api.parse_picks(show.seeds)
    strengths = parse_floats(show.strength, parameter="strength")
    kept: list[api.Discovery] = []

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        found = find(network, group)
        api.check_directions(output, found.discovery, overwrite=flags.overwrite)
        kept.append(api.without_repeats(network, found.discovery))
        detector = api.open_detector(
            None, purpose="distance", device=network.G.mapping.w_avg.device
        )
        options = api.DiscoveryOptions(
            seeds=picks, strengths=strengths, samples=show.measured_on, judge=found.judge
        )
        return api.discovery(network, found.discovery, detector, options, sampling)

    def keep(hdf5: Path) -> Mapping[str, Any]:
        api.write_directions(output, api.with_measures(kept[0], hdf5), overwrite=flags.overwrite)
        ranked = api.standings(hdf5)
        for line in (*_ranking(ranked), *_attribute_lines(ranked)):
            console.note(line)
        if not flags.json:
            typer.echo(output)
        return {
            "directions": str(output),
            "ranking": [{**vars(each), "score": each.score} for each in ranked],
        }

    folder = output.with_suffix("") / group
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
