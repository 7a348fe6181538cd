"""`sgtool data`: prepare, inspect and draw data sets."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.inspect_data import inspect
from stylegan_cli.cli.options import QuietFlag, add_command, command, command_group
from stylegan_cli.errors import UsageError

data_app = command_group(
    "Prepare, inspect and draw data sets.",
    "sgtool data prepare photos/ -o photos.zip",
    "sgtool data inspect photos.zip",
)

CLASSES_SHOWN = 20
NAMED_AT_ONCE = 10
"""Images left out that are named one by one as they come; the account has examples of all."""

DestinationFlag = Annotated[
    Path, typer.Option("--output", "-o", metavar="DST", help="Data set to write, .zip or .h5.")
]
ChannelsFlag = Annotated[
    int, typer.Option("--channels", metavar="N", help="1 grey, 3 RGB, 4 RGBA, 2-32 of stacks.")
]


@command(data_app)
def prepare(
    sources: list[str],
    /,
    output: DestinationFlag,
    resolution: str | None = None,
    fit: Literal["crop", "wide", "fit"] = "crop",
    resample: Annotated[Literal["lanczos", "box"], typer.Option("--filter")] = "lanczos",
    background: str = "white",
    channels: ChannelsFlag = 3,
    classes: bool | None = None,
    labels: Path | None = None,
    label_columns: str | None = None,
    labelled_only: bool = False,
    levels: str | None = None,
    store: Literal["uint8", "float16"] = "uint8",
    workers: Annotated[int | None, typer.Option(min=1)] = None,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Make a data set of equally large pictures from any images.

    Images may have any format that Pillow decodes, any mode, size and orientation. What cannot be
    read is left out and named with the reason. Running the same command again changes nothing.

    Args:
        sources (SRC): Folders, .zip, .h5, .tar, .parquet, .tfrecords or idx files, LMDBs, images,
            or .txt listing images; shards as 'x-{000..127}.tar', on disk or at an address.
        resolution (N|WxH): Side of squares, or WIDTHxHEIGHT. Default: the largest square that the
            first image fills.
        fit: Centre; of squares, centre 4:3 between bars; or the whole image between bars.
        resample: Filter for resizing.
        background (COLOR): Colour behind transparency and of bars: a name or #rrggbb.
        classes: Read sub-folders as classes or not. If only some images are in one, choose.
        labels (FILE): Labels instead of those in the sources: CSV lines NAME,LABEL, or JSON as in
            dataset.json.
        label_columns (NAME,…): Make these columns of numbers the label: of --labels FILE, parquet,
            shards, metadata.csv or HDF5.
        labelled_only: Leave out images without a label.
        levels (LOW,HIGH): Values that become black and white in images of more than 8 bits; 0,65535
            if not given.
        store: Numbers of the data set; float16 keeps more than 8 bits of a channel.
        workers (N): Threads; one per core.

    Examples:
        sgtool data prepare photos/ -o photos.zip --resolution 256
        sgtool data prepare cars.zip more/ -o cars.h5 --fit wide --background black
        sgtool data prepare train-images-idx3-ubyte.gz -o mnist.zip --channels 1
        sgtool data prepare 'https://example.org/birds-{000..127}.tar' -o birds.zip
        sgtool data prepare scans/ -o scans.zip --labels scans.csv --levels 0,4095
        sgtool data prepare scans/ -o fine.h5 --channels 5 --levels 0,4095 --store float16
        sgtool data prepare faces/ -o faces.zip --labels faces.csv --label-columns smile,age
    """
    with api.open_sources(sources) as opened:
        if resolution is None:
            resolution = str(api.first_usual_resolution(opened))
            console.note(f"--resolution {resolution}: the largest that the first image fills")
        target = api.Target(
            resolution=resolution,
            channels=channels,
            fit=fit,
            filter=resample,
            background=background,
            levels=_levels(levels) if levels else None,
            store="float16" if store == "float16" else None,
        )
        request = api.Preparation(
            destination=output,
            target=target,
            classes=classes,
            labelled_only=labelled_only,
            workers=workers,
            overwrite=overwrite,
        )
        if labels is not None:
            table = api.read_labels(labels)
            opened = [api.labelled(source, table) for source in opened]
        if label_columns is not None:
            names = [name.strip() for name in label_columns.split(",")]
            opened = [api.numbered(source, names) for source in opened]
        _report(output, opened, _write(opened, request, label="prepare"), json=json)


add_command(data_app, inspect)


@command(data_app)
def sample(
    kind: Annotated[str, typer.Argument(autocompletion=completion.kinds)],
    /,
    output: DestinationFlag,
    count: Annotated[int, typer.Option(min=1)] = 1000,
    resolution: str = "64",
    channels: ChannelsFlag = 3,
    seed: int = 0,
    style: Annotated[str, typer.Option(autocompletion=completion.styles)] = "toon-head",
    grain: float = 0.07,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
) -> None:
    """Draw a labelled data set.

    Portraits by DiceBear, each labelled with its hair, skin, glasses and so on: try training,
    classes and separability without images of your own. The paint has a random grain, for a
    network to draw from its noise. The same seed draws the same images.

    Args:
        kind (KIND): Kind of images: portraits.
        count (N): Number of images.
        resolution (N|WxH): Side of squares, or WIDTHxHEIGHT.
        seed (N): Random seed.
        style (NAME): Style of DiceBear, such as avataaars.
        grain (NUMBER): Deviation of the paint's density from pixel to pixel; 0 draws flat areas.

    Examples:
        sgtool data sample portraits -o portraits.zip --count 1000
        sgtool data sample portraits -o avataaars.zip --style avataaars --resolution 128
    """
    target = api.Target(resolution=resolution, channels=channels)
    source = api.draw_samples(
        kind, count, resolution=resolution, seed=seed, style=style, grain=grain
    )
    credit = source.prepared
    console.note(f"{style} by {credit['author']}, {credit['licence']}: {credit['licence_url']}")
    request = api.Preparation(destination=output, target=target, classes=False, overwrite=overwrite)
    _report(output, [], _write([source], request, label="draw"), json=json)


def say_account(account: "api.Account", named: Sequence[dict[str, str]] = ()) -> None:
    """Print what was taken from the sources and what was left out, with a reason and an example.

    Args:
        named: Images left out that were named before, all of their kinds.
    """
    if account.classes:
        counts = [f"{api.printable(name)} {count}" for name, count in account.classes.items()]
        more = [f"{len(counts) - CLASSES_SHOWN} more"] if len(counts) > CLASSES_SHOWN else []
        console.note(f"classes: {len(counts)} ({', '.join([*counts[:CLASSES_SHOWN], *more])})")
    told = {image["name"] for image in named}
    for reason, group in account.left_out.items():
        if group.example in told:
            continue
        console.warn(f"left out: {_counted(group, 'image')}: {reason}")
    for reason, group in account.passed.items():
        console.note(f"passed over: {_counted(group, 'file')}: {reason}")
    for remark in account.remarks:
        console.warn(remark)


def _counted(group: "api.Group", word: str) -> str:
    return f"{group.count} {word}{'s' * (group.count != 1)}, such as {group.example}"


def _levels(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise UsageError(
            "give two numbers LOW,HIGH, such as 0,4095", parameter="levels", value=text
        ) from None
    return low, high


def _write(
    sources: "list[api.Source]", request: "api.Preparation", *, label: str
) -> list[dict[str, str]]:
    """Make the data set unless it exists; return the images left out and name the first ones."""
    if not request.overwrite and api.is_prepared(sources, request):
        console.note(f"{request.destination}: exists already, from the same images")
        return []
    total = sum(source.tally().images for source in sources)
    skipped = []
    for step in console.track(api.prepare(sources, request), label=label, total=total):
        if step.problem is not None:
            skipped.append({"name": step.name, "reason": step.problem})
            if len(skipped) <= NAMED_AT_ONCE:
                console.warn(f"left out: {step.name}: {step.problem}")
    return skipped


def _report(
    output: Path, sources: "list[api.Source]", skipped: list[dict[str, str]], *, json: bool
) -> None:
    """Print the account of the source images that the data set itself records."""
    with api.open_sources([output]) as [made]:
        how, classes, found = made.prepared, made.classes, api.account(sources, made)
        names = made.label_names
    size = api.parse_size(how["resolution"])
    numbers = "number" if len(names) == 1 else "numbers"
    labelled = (
        f"; labels of {len(names)} {numbers}: {', '.join(names)}" if names else "; no classes"
    )
    console.note(f"images: {how['images']} of {size}" + labelled * (not classes))
    say_account(found, named=skipped if len(skipped) <= NAMED_AT_ONCE else ())
    if how["enlarged"]:
        console.warn(f"enlarged because smaller than {size}: {how['enlarged']}")
    facts = {
        "path": str(output),
        "images": how["images"],
        "enlarged": how["enlarged"],
        "ignored": sum(group.count for group in found.passed.values()),
        "skipped": skipped,
        "classes": classes,
        "label_names": names,
        "account": asdict(found),
        "prepared": how,
    }
    console.echo_result([output], facts, as_json=json)
