"""`sgtool discover`: directions of a network, shown, measured and kept in a file."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.finding import (
    DiscoverFlags,
    Found,
    JudgeFlags,
    discover,
    judged,
    needs_pixels_alone,
)
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    NetworkFlag,
    QuietFlag,
    StudyFlags,
    VerboseFlag,
    command,
    command_group,
)
from stylegan_cli.errors import OutputError, UsageError

CountFlag = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Directions to keep.")]
SamplesFlag = Annotated[int, typer.Option(metavar="N", min=100, help="Images to draw and score.")]

discover_app = command_group(
    "Find directions along which a network changes its images.",
    "sgtool discover sefa",
    "sgtool discover pca --samples 50000",
    "sgtool discover attribute brightness",
)


@command(discover_app)
def sefa(
    layers: Annotated[list[str] | None, typer.Option(autocompletion=completion.layers)] = None,
    count: CountFlag = 10,
    *,
    flags: DiscoverFlags,
) -> None:
    """Find directions from the weights alone (SeFa), within seconds.

    Writes the directions, sheets that show each of them from step to step, and a ranking.

    Args:
        layers (LIST): Layers whose weights count, and which move: all, coarse or 0-3. Given again,
            further directions.

    Examples:
        sgtool discover sefa
        sgtool discover sefa --layers coarse --layers middle --layers fine --count 5
        sgtool discover sefa --seeds 0-2 --psi 0.7 --measured-on 32 -o faces.h5
    """

    def find(network: "api.Network", group: str) -> Found:
        found = api.find_sefa(
            network,
            layers=layers or ("all",),
            count=count,
            class_index=api.chosen_class(network, flags.class_name),
            group=group,
        )
        return found, None

    discover(find, "sefa", flags)


@command(discover_app)
def pca(
    space: str = "w",
    samples: Annotated[int | None, typer.Option(min=2)] = None,
    count: CountFlag = 10,
    *,
    flags: DiscoverFlags,
) -> None:
    """Find the principal components of W or of a layer (GANSpace).

    Args:
        space (SPACE): w, or activations:LAYER as activations:b8, which networks without w need.
        samples (N): Codes to draw: 50000, or 10000 activations.

    Examples:
        sgtool discover pca
        sgtool discover pca --space activations:b8 --samples 10000
    """

    def find(network: "api.Network", group: str) -> Found:
        found = api.find_components(
            network,
            samples=samples,
            layer=api.component_layer(space),
            count=count,
            class_index=api.chosen_class(network, flags.class_name),
            group=group,
        )
        return found, None

    discover(find, "pca", flags)


@command(discover_app)
def attribute(
    names: list[str] | None = None,
    /,
    have: Annotated[str | None, typer.Option("--with")] = None,
    lack: Annotated[str | None, typer.Option("--without")] = None,
    method: Literal["svm", "mean", "lda"] = "svm",
    top: Annotated[float, typer.Option(min=0, max=0.5)] = 0.02,
    hold: list[str] | None = None,
    samples: SamplesFlag = 5000,
    *,
    judging: JudgeFlags,
    flags: DiscoverFlags,
) -> None:
    """Find directions of attributes by scores (InterFaceGAN).

    Scores come from classifiers as `sgtool eval separability` trains them, from your table, or
    from the pixels themselves. Prints how well the plane tells the attribute, how often 3 steps
    bring it about, and how much else they change.

    Args:
        names (NAME): Attributes that classifiers score, columns of --scores, or properties of
            pixels: brightness, contrast, saturation, warmth, edges, symmetry, center-x, center-y,
            size.
        have (LIST): Instead of scores: seeds, codes in files or class:NAME with the attribute.
        lack (LIST): Seeds, codes in files or class:NAME without it.
        method: A support vector machine's plane, the difference of the means, or that with the
            spread of all codes undone.
        top (SHARE): Share of the images used at either end.
        hold (NAME): Attribute to keep constant; may be repeated.

    Examples:
        sgtool discover attribute brightness warmth
        sgtool discover attribute hair=bun rear_hair --train-classifier --hold brightness
        sgtool discover attribute smile --scores smile.csv --method mean
        sgtool discover attribute --with 3,8,12-20 --without 0-2,4-7,9-11 --name bun
    """

    def difference(network: "api.Network", group: str) -> Found:
        poles = (api.codes_of_pole(network, text) for text in (have, lack) if text)
        return api.find_difference(network, *poles, whiten=method == "lda", name=group), None

    if have or lack:
        if not (have and lack):
            raise UsageError("--with and --without go together; give both")
        discover(difference, "difference", flags)
        return
    wanted = tuple(dict.fromkeys((*(names or ()), *(hold or ()))))

    def find(network: "api.Network", group: str) -> Found:
        scored, judge = judged(network, wanted, samples, judging, flags)
        found = api.find_attributes(
            network,
            scored.chosen(wanted or scored.names),
            method=method,
            ratio=top,
            hold=tuple(hold or ()),
            group=group,
        )
        return found, judge

    discover(find, "attribute", flags, told=needs_pixels_alone(wanted, judging))


@command(discover_app)
def channels(
    attribute: str | None = None,
    /,
    mask: Path | None = None,
    torgb: bool = False,
    samples: SamplesFlag = 5000,
    count: CountFlag = 10,
    *,
    judging: JudgeFlags,
    flags: DiscoverFlags,
) -> None:
    """Find single style channels (StyleSpace).

    Finds those that carry an attribute, or those that change a single place of the image.

    Args:
        attribute (NAME): Attribute to find channels of, as `discover attribute` takes it; without
            one, channels that move a single place.
        mask (PICTURE): Find channels that change the white region of this picture.
        torgb: Include channels of toRGB layers.

    Examples:
        sgtool discover channels
        sgtool discover channels brightness --count 5 --strength -10:10:5
        sgtool discover channels hair=bun --train-classifier
        sgtool discover channels --mask mouth.png
    """

    def find_of(attribute: str, network: "api.Network", group: str) -> Found:
        api.check_styles(network)
        scored, judge = judged(network, (attribute,), samples, judging, flags)
        found = api.find_channels(network, scored, attribute, count=count, rgb=torgb, group=group)
        return found, judge

    def find_local(network: "api.Network", group: str) -> Found:
        inside = None if mask is None else api.read_mask(mask, network.sizes.size)
        all_channels, live = api.live_channels(network, rgb=torgb)
        parts = api.channel_maps(network, all_channels, live, flags.batch)
        maps = list(console.track(parts, label="channels", total=len(live)))
        found = api.find_local_channels(
            network, all_channels, maps, count=count, mask=inside, rgb=torgb, group=group
        )
        return found, None

    if attribute is None:
        discover(find_local, "channels/local", flags, told=False)
    else:
        told = needs_pixels_alone((attribute,), judging)
        group = f"channels/{api.plain_name(attribute)}"
        discover(partial(find_of, attribute), group, flags, told=told)


@command(discover_app)
def styles(
    count: Annotated[int, typer.Option(min=2, max=1000)] = 8,
    samples: Annotated[int, typer.Option(min=100)] = 20_000,
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("styles.h5"),
    network: NetworkFlag = None,
    overwrite: bool = False,
    json: bool = False,
    quiet: QuietFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Find the styles in a network: centres of clusters of W.

    Every command that takes seeds takes them as styles.h5:centres.

    Args:
        count (N): Clusters to look for.
        samples (N): Codes to draw.
        output (FILE.h5): File of the centres.

    Examples:
        sgtool discover styles --count 8
        sgtool mix --rows 0-3 --cols styles.h5:centres --layers fine
    """
    _refuse_existing(output, overwrite=overwrite)
    opened = open_network(network, StudyFlags())
    centres, shares = api.cluster_centres(opened, count, samples=samples)
    api.write_centres(output, opened, centres)
    for i, share in enumerate(shares):
        console.note(f"style {i}: {share:.1%} of what the network draws")
    facts = {"styles": str(output), "shares": shares.tolist()}
    console.echo_result([output], facts, as_json=json)


@command(discover_app)
def compare(
    one: str,
    other: str,
    /,
    network: NetworkFlag = None,
    json: bool = False,
    quiet: QuietFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Compare directions by their cosines.

    1 is the same one, 0 has nothing in common, −1 is the opposite, where the network's codes are
    spread alike in all directions.

    Args:
        one (FILE:NAME): Directions, as in `edit`.
        other (FILE:NAME): Directions to compare with.

    Examples:
        sgtool discover compare directions.h5:sefa directions.h5:pca
        sgtool discover compare directions.h5:sefa/0 smile.npy --json
    """
    opened = open_network(network, StudyFlags())
    found = api.compare_directions(opened, api.parse_direction(one), api.parse_direction(other))
    if json:
        console.echo_json(
            {"rows": found.rows, "columns": found.columns, "cosines": found.cosines.tolist()}
        )
        return
    rows = [
        (name, *(f"{value:+.2f}" for value in row))
        for name, row in zip(found.rows, found.cosines.tolist(), strict=True)
    ]
    console.echo_table(("", *found.columns), rows)


@command(discover_app)
def export(
    direction: str,
    output: Path,
    /,
    overwrite: bool = False,
    quiet: QuietFlag = False,
    verbose: VerboseFlag = False,
) -> None:
    """Write a direction for other programs, as InterFaceGAN does.

    A NumPy array `[1, w_dim]` of length 1, or `[num_ws, w_dim]` where layers differ.

    Args:
        direction (FILE.h5:NAME): The direction.
        output (FILE.npy): File to write.

    Examples:
        sgtool discover export directions.h5:sefa/0 sefa0.npy
    """
    _refuse_existing(output, overwrite=overwrite)
    api.export_direction(output, api.parse_direction(direction))
    typer.echo(output)


def _refuse_existing(output: Path, *, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; choose another name or `overwrite`")
