"""Options of `sgtool video`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli.cli import completion
from stylegan_cli.cli.options import CutoffFlag, NetworkFlags, NoiseModeFlag


@dataclass(frozen=True, kw_only=True)
class VideoFlags(NetworkFlags):
    """Options of `sgtool video`.

    Attributes:
        interp: What moves and how: lines in w or z, arcs around the mean of W or in z, a smooth
            curve in w, a great circle in z through two seeds and their opposites, or noise from
            seed to seed with the style of the first.
        run (FOLDER): Film of a training instead: the same seeds at each snapshot of this run.
        seeds (LIST): Keyframes: seeds such as 0-7 (the default), or codes in files such as
            grid.h5:4. With --grid, they are dealt to the streams in turn.
        direction (FILE:NAME): Direction to swing along, as `sgtool edit` takes it; given again, one
            after another.
        strength (NUMBER): Steps along --direction, to either side.
        seconds (NUMBER): Time from one keyframe, or snapshot of --run, to the next.
        fps (NUMBER): Frames per second.
        loop: Return from the last keyframe to the first.
        noise_walk (SECONDS): Noise wanders, and has mostly changed after so long; with --interp
            noise, nothing else moves.
        easing: Constant speed, or slower near keyframes.
        psi (LIST): Truncation: one number, or one per keyframe, such as 1:0:8.
        class_names (LIST): One class, one per keyframe such as cat,3, or all: a seed then moves
            from class to class.
        label (LIST): Label where labels are numbers, as 0.3,0.7 or smile=0.5; with smile=0:1:5, one
            for each keyframe.
        style_seeds (LIST): A second track: layers from --crossover on follow these keyframes, the
            others --seeds. A single seed stands still.
        crossover (LIST): First layer that follows --style-seeds, or one per keyframe. Default: the
            middle layer.
        translate (X,Y[:X,Y…]): Move the pictures right and down, in image widths; one point, or one
            per keyframe.
        rotate (DEG[:DEG…]): Turn the pictures counter-clockwise: one angle, or one per keyframe.
        grid (COLSxROWS): Streams side by side, such as 3x2. With --run: 4x2.
        size (N): Side of each picture in pixels. Default: the network's.
        quality (N): Quality of MP4, WebM and WebP. Default: 80.
        frames: Also write every frame as a PNG beside the video.
        output (FILE): A file .mp4, .webm, .gif, .webp or .apng.
    """

    interp: Literal[
        "lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w", "circle-z", "noise", "direction"
    ] = "lerp-w"
    run: Path | None = None
    seeds: str | None = None
    direction: list[str] | None = None
    strength: float = 3.0
    seconds: float = 2.0
    fps: float = 30.0
    loop: bool = True
    noise_walk: float | None = None
    easing: Literal["linear", "smooth", "smoother"] = "linear"
    psi: str = "1"
    class_names: Annotated[
        str | None, typer.Option("--class", autocompletion=completion.classes)
    ] = None
    label: str | None = None
    style_seeds: str | None = None
    crossover: str | None = None
    translate: str = "0,0"
    rotate: str = "0"
    grid: str | None = None
    size: Annotated[int | None, typer.Option(min=1)] = None
    quality: Annotated[int | None, typer.Option(min=0, max=100)] = None
    frames: bool = False
    cutoff: CutoffFlag = None
    noise_mode: NoiseModeFlag = "const"
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None
