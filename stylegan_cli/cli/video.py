"""`sgtool video`: interpolation between keyframes, as a video or an animated picture."""

import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.console import echo_json
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    CutoffFlag,
    NetworkFlags,
    NoiseModeFlag,
    examples,
    with_flags,
)
from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_floats, parse_ints, parse_points

EXAMPLES = examples(
    "sgtool video --interp lerp-w",
    "sgtool video --seeds 0-5 --interp cubic-w --easing smooth -o people.gif",
    "sgtool video --grid 3x2 --seeds 0-23 --size 256 --psi 0.7",
    "sgtool video --seeds 5 --psi 1:-1:5 --no-loop -o through-the-mean.mp4",
    "sgtool video --class cat,dog,owl --seeds 5 --network runs/animals",
    "sgtool video --label smile=0:1:5 --seeds 5 --interp lerp-z --network runs/faces",
    "sgtool video --seeds 3 --style-seeds 10-15 --crossover 4 -o colours.webp",
    "sgtool video --interp noise --seeds 3,0-6 --frames",
    "sgtool video --network runs/waves --translate 0,0:0.5,0 --rotate 0:90",
    "sgtool video --interp direction --direction directions.h5:sefa/0 --seeds 0-5 --grid 3x2",
)
KEYFRAMES_A_STREAM = 8
CIRCLE_KEYFRAMES = 2


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
        float, typer.Option(metavar="NUMBER", help="Time from one keyframe to the next.")
    ] = 2.0
    fps: Annotated[float, typer.Option(metavar="NUMBER", help="Frames per second.")] = 30.0
    loop: Annotated[
        bool, typer.Option("--loop/--no-loop", help="Return from the last keyframe to the first.")
    ] = True
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
        str, typer.Option(metavar="COLSxROWS", help="Streams side by side, such as 3x2.")
    ] = "1x1"
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


@with_flags
def video(*, flags: VideoFlags) -> None:
    """Interpolate between keyframes.

    Writes an MP4, WebM, GIF, WebP or APNG; its frames at the keyframes equal the images of
    `sgtool grid`.
    Noise stays fixed, so only styles move. After a stop, the same command resumes.
    """
    screen = _parse_grid(flags.grid)
    chosen = api.parse_picks(flags.seeds) if flags.seeds else ()
    style_seeds = _parse_style_seeds(flags.style_seeds)
    psi = parse_floats(flags.psi)
    shifts = parse_points(flags.translate, 2, parameter="translate")
    turns = tuple(angle for (angle,) in parse_points(flags.rotate, 1, parameter="rotate"))

    network = open_network(flags.network, flags)
    classes = _parse_classes(flags.class_names, network)
    labels = () if flags.label is None else api.expand_labels(flags.label)
    still = (
        max(len(classes), len(labels), len(shifts), len(turns)) > 1 or flags.interp == "direction"
    )
    unchosen = _default_seeds(flags.interp, *screen, still=still)
    found = api.video(
        network,
        api.Tracks(
            seeds=chosen or api.parse_picks(unchosen),
            style_seeds=style_seeds,
            crossover=_parse_crossover(flags.crossover, network),
            psi=psi,
            classes=classes,
            labels=labels,
            cutoff=flags.cutoff,
            translate=shifts,
            rotate=turns,
            noise_mode=flags.noise_mode,
            directions=[api.parse_direction(text) for text in flags.direction or ()],
            strength=flags.strength,
        ),
        api.Motion(
            interp=flags.interp,
            seconds=flags.seconds,
            fps=flags.fps,
            loop=flags.loop,
            easing=flags.easing,
        ),
        api.Screen(cols=screen[0], rows=screen[1], side=flags.size),
    )
    _print_defaults(flags, network, found)
    drawing = api.Drawing(network, found)
    with api.Filming(
        drawing,
        flags.output or api.default_video(drawing, flags.quality),
        quality=flags.quality,
        keep_frames=flags.frames,
        overwrite=flags.overwrite,
    ) as filming:
        _film(filming, flags)


def _film(filming: "api.Filming", flags: VideoFlags) -> None:
    missing = filming.missing
    _print_progress(filming)
    deque(console.track(filming.frames(flags.batch), label="frames", total=missing), maxlen=0)
    console.detail(f"{filming.paths.file}: encoding {filming.total} frames")
    filming.finish()
    paths = filming.paths
    if flags.json:
        echo_json(
            {
                "study": filming.header.study,
                "request": filming.header.request,
                "network_sha256": filming.header.network_sha256,
                "video": str(paths.file),
                "account": str(paths.account),
                "frames": str(paths.frames) if flags.frames else None,
                "total": filming.total,
                "made_now": missing,
            }
        )
        return
    for path in (paths.file, paths.account, *([paths.frames] if flags.frames else [])):
        typer.echo(path)


def _print_defaults(flags: VideoFlags, network: "api.Network", found: "api.Video") -> None:
    for text in found.stills.notes:
        console.note(text)
    if network.label_columns and flags.label is None:
        console.note(f"label {api.mean_label(network)}, the mean; choose another with --label")
    elif network.c_dim and flags.class_names is None and flags.label is None:
        console.note(f"class 0 of {network.c_dim}; choose another with --class")
    if flags.style_seeds and flags.crossover is None:
        console.note(
            f"crossover {found.keyframes.crossover[0]:g} of 0-{network.G.num_ws}; "
            "choose another with --crossover"
        )
    motion, screen = found.motion, found.screen
    console.note(
        f"{found.frames} frames: {found.keyframes.count} keyframes, {motion.segment} frames from "
        f"one to the next" + (f", {screen.streams} streams" if screen.streams > 1 else "")
    )


def _print_progress(filming: "api.Filming") -> None:
    if filming.damage:
        console.warn(f"{filming.damage}; starting over")
    there = filming.total - filming.missing
    if not filming.missing:
        console.note(f"{filming.paths.file}: all {filming.total} frames exist already")
    elif there:
        console.note(f"{filming.paths.file}: resuming, {there} of {filming.total} frames exist")


def _parse_grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,2})[x×]([1-9]\d{0,2})", text)
    if match is None:
        raise UsageError("not COLSxROWS; write for example 3x2", parameter="grid", value=text)
    return int(match[1]), int(match[2])


def _default_seeds(interp: str, cols: int, rows: int, *, still: bool) -> str:
    """Return the default seeds: several keyframes per stream, or one if classes move."""
    each = CIRCLE_KEYFRAMES if interp == "circle-z" else KEYFRAMES_A_STREAM
    return f"0-{(1 if still else each) * cols * rows - 1}"


def _parse_style_seeds(text: str | None) -> tuple[api.Pick, ...]:
    return () if text is None else api.parse_picks(text, parameter="style_seeds")


def _parse_crossover(text: str | None, network: "api.Network") -> tuple[int, ...]:
    if text is None:
        return ()
    return parse_ints(text, parameter="crossover", valid=range(network.G.num_ws + 1))


def _parse_classes(text: str | None, network: "api.Network") -> tuple[str, ...]:
    if text is None:
        return ()
    if text == "all" and network.c_dim and text not in network.classes:
        return tuple(map(str, range(network.c_dim)))
    # a name may have a comma in it
    return (text,) if text in network.classes else tuple(text.split(","))
