"""`sgtool video`: interpolation between keyframes, as a video or an animated picture."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import open_drawing, open_network
from stylegan_cli.cli.options import (
    ClassFlag,
    CutoffFlag,
    NetworkFlags,
    NoiseModeFlag,
    with_flags,
)
from stylegan_cli.cli.study import note_label, record_film
from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_floats, parse_ints, parse_points

KEYFRAMES_A_STREAM = 8
CIRCLE_KEYFRAMES = 2


@dataclass(frozen=True, kw_only=True)
class VideoFlags(NetworkFlags):
    """Options of `sgtool video`.

    Attributes:
        interp: What moves and how: lines in w or z, arcs around the mean of W or in z, a smooth
            curve in w, a great circle in z through two seeds and their opposites, or noise from
            seed to seed with the style of the first. Default: lerp-w; slerp-z where there is no w.
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

    interp: (
        Literal[
            "lerp-w", "lerp-z", "slerp-z", "slerp-w", "cubic-w", "circle-z", "noise", "direction"
        ]
        | None
    ) = None
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
    class_names: ClassFlag = None
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


@with_flags
def video(*, flags: VideoFlags) -> None:
    """Interpolate between keyframes.

    Writes an MP4, WebM, GIF, WebP or APNG; its frames at the keyframes equal the images of
    `sgtool grid`.
    Noise stays fixed, so only styles move. After a stop, the same command resumes.

    Examples:
        sgtool video --interp lerp-w
        sgtool video --seeds 0-5 --interp cubic-w --easing smooth -o people.gif
        sgtool video --grid 3x2 --seeds 0-23 --size 256 --psi 0.7
        sgtool video --seeds 5 --psi 1:-1:5 --no-loop -o through-the-mean.mp4
        sgtool video --class cat,dog,owl --seeds 5 --network runs/animals
        sgtool video --label smile=0:1:5 --seeds 5 --interp lerp-z --network runs/faces
        sgtool video --seeds 3 --style-seeds 10-15 --crossover 4 -o colours.webp
        sgtool video --interp noise --seeds 3,0-6 --frames
        sgtool video --interp noise --seeds 3 --noise-walk 0.5 --seconds 4
        sgtool video --run runs/people --seeds 0-7 --grid 4x2
        sgtool video --network runs/waves --translate 0,0:0.5,0 --rotate 0:90
        sgtool video --interp direction --direction directions.h5:sefa/0 --seeds 0-5 --grid 3x2
    """
    if flags.run is not None:
        _film(_film_of_run(flags.run, flags), flags)
        return
    screen = _parse_grid(flags.grid or "1x1")
    chosen = api.parse_picks(flags.seeds) if flags.seeds else ()
    style_seeds: tuple[api.Pick, ...] = ()
    if flags.style_seeds is not None:
        style_seeds = api.parse_picks(flags.style_seeds, parameter="style_seeds")
    psi = parse_floats(flags.psi)
    shifts = parse_points(flags.translate, 2, parameter="translate")
    turns = tuple(angle for (angle,) in parse_points(flags.rotate, 1, parameter="rotate"))

    network = open_network(flags.network, flags)
    classes = _parse_classes(flags.class_names, network)
    interp = flags.interp or ("lerp-w" if network.sizes.has_w else "slerp-z")
    labels = () if flags.label is None else api.expand_labels(flags.label)
    still = max(len(classes), len(labels), len(shifts), len(turns)) > 1 or interp == "direction"
    unchosen = _default_seeds(interp, *screen, still=still)
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
            interp=interp,
            seconds=flags.seconds,
            fps=flags.fps,
            loop=flags.loop,
            easing=flags.easing,
            noise_walk=flags.noise_walk,
        ),
        api.Screen(cols=screen[0], rows=screen[1], side=flags.size),
    )
    _print_defaults(flags, network, found)
    _film(api.footage(network, found), flags)


def _film_of_run(run: Path, flags: VideoFlags) -> "api.Footage":
    usual = VideoFlags()
    for name in ("interp", "network", "direction", "style_seeds", "translate", "rotate"):
        if getattr(flags, name) != getattr(usual, name):
            raise UsageError("not with `run`, which shows its own snapshots", parameter=name)
    if not run.is_dir():
        raise UsageError(f"{run}: there is no such run", parameter="run")
    cols, rows = _parse_grid(flags.grid or "4x2")
    psi, *others = parse_floats(flags.psi)
    if others:
        raise UsageError("one number with `run`", parameter="psi", value=flags.psi)
    film = api.film_of_run(
        api.snapshots(run),
        lambda path: open_drawing(path, flags),
        api.parse_picks(flags.seeds or f"0-{cols * rows - 1}"),
        api.Sampling(
            psi=psi,
            cutoff=flags.cutoff,
            noise_mode=flags.noise_mode,
            class_name=flags.class_names,
            label=flags.label,
        ),
        api.Motion(seconds=flags.seconds, fps=flags.fps, loop=flags.loop, easing=flags.easing),
        api.Screen(cols=cols, rows=rows, side=flags.size),
    )
    console.note(f"{film.total} frames: {len(film.request['snapshots'])} snapshots of {run}")
    return film


def _film(footage: "api.Footage", flags: VideoFlags) -> None:
    with api.Filming(
        footage,
        flags.output or api.default_video(footage, flags.quality),
        quality=flags.quality,
        keep_frames=flags.frames,
        overwrite=flags.overwrite,
    ) as filming:
        missing = filming.missing
        record_film(filming, flags.batch)
    paths = filming.paths
    facts = {
        "study": filming.header.study,
        "request": filming.header.request,
        "network_sha256": filming.header.network_sha256,
        "video": str(paths.file),
        "account": str(paths.account),
        "frames": str(paths.frames) if flags.frames else None,
        "total": filming.total,
        "made_now": missing,
    }
    written = (paths.file, paths.account, *([paths.frames] if flags.frames else []))
    console.echo_result(written, facts, as_json=flags.json)


def _print_defaults(flags: VideoFlags, network: "api.Network", found: "api.Video") -> None:
    for text in found.stills.notes:
        console.note(text)
    note_label(network, found.stills, flags.class_names, flags.label)
    if flags.style_seeds and flags.crossover is None:
        console.note(
            f"crossover {found.keyframes.crossover[0]:g} of 0-{network.sizes.num_ws}; "
            "choose another with --crossover"
        )
    motion, screen = found.motion, found.screen
    console.note(
        f"{found.frames} frames: {found.keyframes.count} keyframes, {motion.segment} frames from "
        f"one to the next" + (f", {screen.streams} streams" if screen.streams > 1 else "")
    )


def _parse_grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,2})[x×]([1-9]\d{0,2})", text)
    if match is None:
        raise UsageError("not COLSxROWS; write for example 3x2", parameter="grid", value=text)
    return int(match[1]), int(match[2])


def _default_seeds(interp: str, cols: int, rows: int, *, still: bool) -> str:
    """Return the default seeds: several keyframes per stream, or one if classes move."""
    each = CIRCLE_KEYFRAMES if interp == "circle-z" else KEYFRAMES_A_STREAM
    return f"0-{(1 if still else each) * cols * rows - 1}"


def _parse_crossover(text: str | None, network: "api.Network") -> tuple[int, ...]:
    if text is None:
        return ()
    return parse_ints(text, parameter="crossover", valid=range(network.sizes.num_ws + 1))


def _parse_classes(text: str | None, network: "api.Network") -> tuple[str, ...]:
    if text is None:
        return ()
    if text == "all" and network.c_dim and text not in network.classes:
        return tuple(map(str, range(network.c_dim)))
    # a name may have a comma in it
    return (text,) if text in network.classes else tuple(text.split(","))
