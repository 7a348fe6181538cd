"""Options of `sgtool video`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli.cli import completion
from stylegan_cli.cli.options import CutoffFlag, NetworkFlags, NoiseModeFlag


@dataclass(frozen=True, kw_only=True)
class VideoFlags(NetworkFlags):
    """Options of `sgtool video`."""

    interp: Annotated[
        Literal[
            "lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w", "circle-z", "noise", "direction"
        ],
        typer.Option(
            help="What moves and how: lines in w or z, arcs around the mean of W or in z, a "
            "smooth curve in w, a great circle in z through two seeds and their opposites, or "
            "noise from seed to seed with the style of the first."
        ),
    ] = "lerp-w"
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Film of a training instead: the same seeds at each snapshot of this run.",
        ),
    ] = None
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Keyframes: seeds such as 0-7 (the default), or codes in files such as grid.h5:4. "
            "With --grid, they are dealt to the streams in turn.",
        ),
    ] = None
    direction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE:NAME",
            help="Direction to swing along, as `sgtool edit` takes it; given again, one after "
            "another.",
        ),
    ] = None
    strength: Annotated[
        float, typer.Option(metavar="NUMBER", help="Steps along --direction, to either side.")
    ] = 3.0
    seconds: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", help="Time from one keyframe, or snapshot of --run, to the next."
        ),
    ] = 2.0
    fps: Annotated[float, typer.Option(metavar="NUMBER", help="Frames per second.")] = 30.0
    loop: Annotated[
        bool, typer.Option("--loop/--no-loop", help="Return from the last keyframe to the first.")
    ] = True
    noise_walk: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Noise wanders, and has mostly changed after so long; with --interp noise, "
            "nothing else moves.",
        ),
    ] = None
    easing: Annotated[
        Literal["linear", "smooth", "smoother"],
        typer.Option(help="Constant speed, or slower near keyframes."),
    ] = "linear"
    psi: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Truncation: one number, or one per keyframe, such as 1:0:8."
        ),
    ] = "1"
    class_names: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="LIST",
            autocompletion=completion.classes,
            help="One class, one per keyframe such as cat,3, or all: a seed then moves from class "
            "to class.",
        ),
    ] = None
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="LIST",
            help="Label where labels are numbers, as 0.3,0.7 or smile=0.5; with smile=0:1:5, one "
            "for each keyframe.",
        ),
    ] = None
    style_seeds: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="A second track: layers from --crossover on follow these keyframes, the others "
            "--seeds. A single seed stands still.",
        ),
    ] = None
    crossover: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="First layer that follows --style-seeds, or one per keyframe. Default: the middle "
            "layer.",
        ),
    ] = None
    translate: Annotated[
        str,
        typer.Option(
            metavar="X,Y[:X,Y…]",
            help="Move the pictures right and down, in image widths; one point, or one per "
            "keyframe.",
        ),
    ] = "0,0"
    rotate: Annotated[
        str,
        typer.Option(
            metavar="DEG[:DEG…]",
            help="Turn the pictures counter-clockwise: one angle, or one per keyframe.",
        ),
    ] = "0"
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="COLSxROWS", help="Streams side by side, such as 3x2. With --run: 4x2."
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Side of each picture in pixels. Default: the network's."
        ),
    ] = None
    quality: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=100, help="Quality of MP4, WebM and WebP. Default: 80."
        ),
    ] = None
    frames: Annotated[
        bool, typer.Option("--frames", help="Also write every frame as a PNG beside the video.")
    ] = False
    cutoff: CutoffFlag = None
    noise_mode: NoiseModeFlag = "const"
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A file .mp4, .webm, .gif, .webp or .apng."
        ),
    ] = None
