"""`sgtool project`: your own pictures in the latent space of a network."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import ClassFlag, NetworkFlags, with_flags
from stylegan_cli.errors import DataError, UsageError

_CODES = re.compile(r".+\.(?:npz|npy|pt|pth)(?::.+)?|.+\.(?:h5|hdf5):.+", re.IGNORECASE)
_SEEDS = re.compile(r"[\d,\s-]+")


@dataclass(frozen=True, kw_only=True)
class ProjectFlags(NetworkFlags):
    """Options of `sgtool project`: the search, the framing of pictures, further output.

    Attributes:
        space: One w for all layers, one per layer (w+, the default), one w with small differences
            per layer (w-delta), one per layer and single style channels (s), z for networks
            without W, or noise alone, with the codes of --init.
        steps (N): Steps per picture. Default: 500, or 1000 with the protocol.
        noise: Noise: optimise the maps (default), keep the network's, or none.
        init (START): Start: mean, best-of:1000 (default), a seed, or codes in a file.
        restarts (N): Number of starts; the best continues after a fifth of the steps.
        distance: Distance to minimise. Default: lpips, with pixels added for AlexNet.
        prior (NUMBER): Penalty on distance from the network's own codes; 0 searches plain W.
            Default: 0.02 in w+ and s, 0.1 in w-delta, 0.005 in w.
        class_name (CLASS): Class by name or number; auto takes the nearest one.
        protocol: Exactly StyleGAN2's projector: w, 1000 steps, the last one counts.
        detector: Detector of LPIPS. Default: VGG16 if its weights are installed, else AlexNet.
        seed (N): Seed of all random numbers.
        fit: Centred square, whole picture between bars, or centred 4:3 part.
        background (COLOUR): Colour behind transparent pixels, and of bars.
        align (none|points:FILE): Turn faces upright: a line of FILE is name,x,y of the left eye,
            the right one, the left and the right corner of the mouth, as you see them.
        mask (FILE): Grey picture; black regions are ignored.
        check (N): Project N of the network's own images as well.
        tune: Train a copy of the network on the pictures: tuned.safetensors.
        locality: With --tune: hold the images of other codes in place.
        video: Write a video of the search for each picture.
        paste_back: Put aligned faces back into their pictures.
        output (PATH): Folder of the result.
    """

    space: Literal["w", "w+", "w-delta", "s", "z", "noise"] | None = None
    steps: Annotated[int | None, typer.Option(min=1)] = None
    noise: Literal["optimise", "const", "none"] | None = None
    init: str | None = None
    restarts: Annotated[int, typer.Option(min=1)] = 1
    distance: Literal["lpips", "lpips+l2"] | None = None
    prior: float | None = None
    class_name: ClassFlag = None
    protocol: Literal["stylegan2"] | None = None
    detector: Literal["vgg16", "alex"] | None = None
    seed: Annotated[int, typer.Option(min=0)] = 0
    fit: Literal["crop", "fit", "wide"] = "crop"
    background: str = "white"
    align: str = "none"
    mask: Path | None = None
    check: Annotated[int, typer.Option(min=0)] = 0
    tune: bool = False
    locality: bool = False
    video: bool = False
    paste_back: bool = False
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("projected")


@with_flags
def project(pictures: list[str], /, *, flags: ProjectFlags) -> None:
    """Find pictures of your own in the latent space of a network.

    Writes projected.h5, whose codes and noise every other command takes as projected.h5:0, a sheet
    of target, start, result and difference, and a PNG of each result. The same command again
    resumes; further pictures are added.

    Args:
        pictures (IMAGE|FOLDER|ZIP|SEED…): Pictures; a seed or FILE.h5:INDEX is the network's own
            image of it.

    Examples:
        sgtool project me.jpg
        sgtool project pictures/ more.zip -o projected --restarts 4 --check 4
        sgtool project 7 --space w --steps 200
        sgtool mix --rows projected.h5:0 --cols projected.h5:1 --crossover 2,4,8
    """
    given = [_given(text) for text in pictures]
    if flags.locality and not flags.tune:
        raise UsageError("holds other images while tuning; add `tune`", parameter="locality")
    if flags.paste_back and flags.align == "none":
        raise UsageError("puts aligned faces back; add `align`", parameter="paste_back")

    with api.world(lambda: api.pick_device(flags.device)) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        with _projection(given, flags, processes) as projection:
            steps = console.track(
                projection.steps(), label="steps", total=projection.total, count=int
            )
            deque(steps, maxlen=0)
            if processes.is_first:
                _tell(projection, flags)


@contextmanager
def _projection(
    given: "list[Path | api.Pick]", flags: ProjectFlags, processes: "api.World"
) -> "Iterator[api.Projection]":
    """Open the projection that these flags describe, and read its pictures."""
    points = _points(flags.align)
    options = api.ProjectionOptions(
        **{each.name: getattr(flags, each.name) for each in fields(api.ProjectionOptions)}
    )
    network = open_network(flags.network, flags)
    # refused before torch is imported; the detector changes no refusal
    api.settle_projection(network, options, detector="")
    frame = api.Framing(fit=flags.fit, background=flags.background, points=points, mask=flags.mask)
    with api.Album(
        network, given, frame, checks=flags.check, seed=flags.seed, but=flags.output
    ) as album:
        if processes.is_first:
            _tell_pictures(album)
        if not (album.subjects or flags.output.exists()):
            raise DataError("no picture can be projected; see the reasons above")
        workshop = api.Workshop(
            network, album, options, detector=flags.detector, batch_size=flags.batch
        )
        projection = api.Projection(
            workshop, flags.output, overwrite=flags.overwrite, world=processes
        )
        if processes.is_first:
            there = projection.given - projection.missing
            if there:
                exist = "1 picture exists" if there == 1 else f"{there} pictures exist"
                console.note(f"{projection.folder.path}: {exist} already")
            if 0 < projection.batches < processes.size:
                console.note(
                    f"{projection.batches} batches for {processes.size} processes; a smaller "
                    "`batch` keeps all of them busy"
                )
        yield projection


def _given(text: str) -> "Path | api.Pick":
    """Return an argument as a path, a seed, or a code in a file."""
    if _CODES.fullmatch(text) or (_SEEDS.fullmatch(text) and not Path(text).exists()):
        try:
            picks = api.parse_picks(text, parameter="pictures")
        except UsageError as error:
            # these are arguments: there is no option of that name
            raise UsageError(f"{text}: {error.problem}") from None
        if len(picks) == 1:
            return picks[0]
        raise UsageError(f"{text}: give each seed by itself, such as 1 2 3")
    return Path(text)


def _points(text: str) -> Path | None:
    if text == "none":
        return None
    file = text.removeprefix("points:")
    if not file or file == text:
        raise UsageError("must be none or points:FILE", parameter="align", value=text)
    return Path(file)


def _tell_pictures(album: "api.Album") -> None:
    for path in album.studies:
        console.note(f"{path}: its images; {path}:0 is the first of its codes")
    for subject in album.subjects:
        if subject.enlarged:
            console.note(f"{subject.name}: smaller than the network's images, enlarged")
    for unusable in album.unusable:
        console.error(f"{unusable.name}: left out: {unusable.reason}")


def _tell(projection: "api.Projection", flags: ProjectFlags) -> None:
    paths = [*projection.finish(), *_further_paths(projection, flags)]
    unusable = projection.unusable()
    for line in _table(projection):
        console.note(line)
    for name, remark in projection.remarks():
        console.warn(f"{name}: {remark}" if name else remark)
    console.echo_result(paths, _summary(projection, paths), as_json=flags.json)
    if unusable:
        were = "1 picture was" if len(unusable) == 1 else f"{len(unusable)} pictures were"
        console.error(f"{were} left out: {', '.join(each.name for each in unusable)}")
        raise typer.Exit(1)


def _further_paths(projection: "api.Projection", flags: ProjectFlags) -> Iterator[Path]:
    """Write the other requested files and yield their paths."""
    if flags.video:
        count = len(projection.records)
        yield from console.track(projection.films(), label="videos", total=count)
    if flags.paste_back:
        pasted = list(projection.pasted())
        if not pasted:
            console.warn("none of the pictures given now was cut out of another: nothing pasted")
        yield from pasted
    if flags.tune:
        tuning = projection.tuning(local=flags.locality)
        if tuning is not None:
            left = tuning.total - tuning.done
            deque(console.track(tuning.steps(), label="tuning", total=left), maxlen=0)
            tuning.save()
        for name, before, after in projection.tuned():
            console.note(f"{name}: tuned, {projection.lpips} {before:.4f} -> {after:.4f}")
        yield projection.folder.tuned


def _table(projection: "api.Projection") -> Iterator[str]:
    """Yield a line of measures for each picture and for the network's own images."""
    lpips = projection.lpips
    distances = ("w_distance", "w_percentile", "style_distance")
    columns = (lpips, "psnr", "ms_ssim", *distances, f"{lpips}_plain", "steps")
    records = (*projection.records, *projection.checks)
    rows = [(record.name, record.measures) for record in records]
    shown = [name for name in columns if all(name in measures for _, measures in rows)]
    width = max(len("picture"), *(len(name) for name, _ in rows))
    yield "  ".join(["picture".ljust(width), *shown])
    for name, measures in rows:
        cells = (f"{measures[column]:.4g}".rjust(len(column)) for column in shown)
        yield "  ".join([name.ljust(width), *cells])


def _summary(projection: "api.Projection", paths: Sequence[Path]) -> dict[str, Any]:
    sheet, hdf5, images, codes, *further = paths
    header = projection.folder.header
    return {
        "study": header.study,
        "request": dict(header.request),
        "network_sha256": header.network_sha256,
        "hdf5": str(hdf5),
        "sheets": [str(sheet)],
        "images": str(images),
        "codes": str(codes),
        "further": [str(path) for path in further],
        "pictures": [
            {
                "name": record.name,
                "image": str(projection.folder.image(record.name)),
                **_finite(record.measures),
            }
            for record in projection.records
        ],
        "checks": [_finite(record.measures) for record in projection.checks],
        "left_out": [{"name": each.name, "reason": each.reason} for each in projection.unusable()],
        "made_now": projection.missing,
    }


def _finite(measures: "api.Measures") -> dict[str, float | None]:
    """Return numbers as JSON can hold them."""
    return {name: value if abs(value) < float("inf") else None for name, value in measures.items()}
