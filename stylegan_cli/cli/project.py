"""`sgtool project`: your own pictures in the latent space of a network."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.console import echo_json
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import examples, with_flags
from stylegan_cli.cli.project_flags import FramingFlags, FurtherFlags, PlaceFlags, SearchFlags
from stylegan_cli.errors import DataError, UsageError

EXAMPLES = examples(
    "sgtool project me.jpg",
    "sgtool project pictures/ more.zip -o projected --restarts 4 --check 4",
    "sgtool project 7 --space w --steps 200",
    "sgtool mix --rows projected.h5:0 --cols projected.h5:1 --crossover 2,4,8",
)
_CODES = re.compile(r".+\.(?:npz|npy|pt|pth)(?::.+)?|.+\.(?:h5|hdf5):.+", re.IGNORECASE)
_SEEDS = re.compile(r"[\d,\s-]+")


@with_flags
def project(
    pictures: list[str],
    /,
    *,
    search: SearchFlags,
    framing: FramingFlags,
    further: FurtherFlags,
    place: PlaceFlags,
) -> None:
    """Find pictures of your own in the latent space of a network.

    Writes projected.h5, whose codes and noise every other command takes as projected.h5:0, a sheet
    of target, start, result and difference, and a PNG of each result. The same command again
    resumes; further pictures are added.

    Args:
        pictures (IMAGE|FOLDER|ZIP|SEED…): Pictures; a seed or FILE.h5:INDEX is the network's own
            image of it.
    """
    given = [_given(text) for text in pictures]
    if further.locality and not further.tune:
        raise UsageError("holds other images while tuning; add `tune`", parameter="locality")
    if further.paste_back and framing.align == "none":
        raise UsageError("puts aligned faces back; add `align`", parameter="paste_back")

    with api.world(lambda: api.pick_device(place.device)) as processes:
        if not processes.is_first:
            console.set_level("quiet")
        with _projection(given, (search, framing, further, place), processes) as projection:
            steps = console.track(
                projection.steps(), label="steps", total=projection.total, count=int
            )
            deque(steps, maxlen=0)
            if processes.is_first:
                _tell(projection, further, as_json=place.json)


@contextmanager
def _projection(
    given: "list[Path | api.Pick]",
    flags: tuple[SearchFlags, FramingFlags, FurtherFlags, PlaceFlags],
    processes: "api.World",
) -> "Iterator[api.Projection]":
    """Open the projection that these flags describe, and read its pictures."""
    search, framing, further, place = flags
    options, points = _options(search), _points(framing.align)
    network = open_network(place.network, place)
    # refused before torch is imported; the detector changes no refusal
    api.settle_projection(network, options, detector="")
    frame = api.Framing(
        fit=framing.fit,
        background=framing.background,
        points=points,
        mask=framing.mask,
    )
    with api.Album(
        network, given, frame, checks=further.check, seed=search.seed, but=place.output
    ) as album:
        if processes.is_first:
            _tell_pictures(album)
        if not (album.subjects or place.output.exists()):
            raise DataError("no picture can be projected; see the reasons above")
        means = api.projection_means(network, detector=search.detector, batch_size=place.batch)
        choices = api.settle_projection(network, options, means.detector.name)
        projection = api.Projection(
            means, album, choices, place.output, overwrite=place.overwrite, world=processes
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
            raise UsageError(f"{text}: {str(error).partition('`: ')[2]}") from None
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


def _options(flags: SearchFlags) -> "api.ProjectionOptions":
    return api.ProjectionOptions(
        space=flags.space,
        steps=flags.steps,
        noise=flags.noise,
        start=None if flags.init is None else api.parse_start(flags.init),
        restarts=flags.restarts,
        distance=flags.distance,
        prior=flags.prior,
        class_name=flags.class_name,
        seed=flags.seed,
        protocol=flags.protocol,
    )


def _tell_pictures(album: "api.Album") -> None:
    for subject in album.subjects:
        if subject.enlarged:
            console.note(f"{subject.name}: smaller than the network's images, enlarged")
    for unusable in album.unusable:
        console.error(f"{unusable.name}: left out: {unusable.reason}")


def _tell(projection: "api.Projection", further: FurtherFlags, *, as_json: bool) -> None:
    paths = [*projection.finish(), *_further_paths(projection, further)]
    unusable = projection.unusable()
    for line in _table(projection):
        console.note(line)
    for name, remark in projection.remarks():
        console.warn(f"{name}: {remark}" if name else remark)
    if as_json:
        echo_json(_summary(projection, paths))
    else:
        for path in paths:
            typer.echo(path)
    if unusable:
        were = "1 picture was" if len(unusable) == 1 else f"{len(unusable)} pictures were"
        console.error(f"{were} left out: {_names(unusable)}")
        raise typer.Exit(1)


def _further_paths(projection: "api.Projection", further: FurtherFlags) -> Iterator[Path]:
    """Write the other requested files and yield their paths."""
    if further.video:
        count = len(projection.records)
        yield from console.track(projection.films(), label="videos", total=count)
    if further.paste_back:
        pasted = list(projection.pasted())
        if not pasted:
            console.warn("none of the pictures given now was cut out of another: nothing pasted")
        yield from pasted
    if further.tune:
        tuning = projection.tuning(local=further.locality)
        if tuning is not None:
            left = tuning.total - tuning.done
            deque(console.track(tuning.steps(), label="tuning", total=left), maxlen=0)
            projection.save_tuned(tuning)
        for name, before, after in projection.tuned():
            console.note(f"{name}: tuned, {projection.lpips} {before:.4f} -> {after:.4f}")
        yield projection.folder.tuned


def _names(unusable: "Sequence[api.Unusable]") -> str:
    return ", ".join(each.name for each in unusable)


def _table(projection: "api.Projection") -> Iterator[str]:
    """Yield a line of measures for each picture and for the network's own images."""
    lpips = projection.lpips
    columns = (lpips, "psnr", "ms_ssim", "w_distance", "w_percentile", f"{lpips}_plain", "steps")
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
