"""`sgtool discover`: directions of a network, shown, measured and kept in a file."""

from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion
from stylegan_cli.cli.discover.attribute import EXAMPLES as ATTRIBUTE_EXAMPLES
from stylegan_cli.cli.discover.attribute import attribute
from stylegan_cli.cli.discover.channels import EXAMPLES as CHANNELS_EXAMPLES
from stylegan_cli.cli.discover.channels import channels
from stylegan_cli.cli.discover.showing import (
    CountFlag,
    FileFlag,
    FoundDirections,
    NameFlag,
    ShowFlags,
    discover,
    with_flags_of_discovery,
)
from stylegan_cli.cli.discover.styles import (
    COMPARE_EXAMPLES,
    EXPORT_EXAMPLES,
    compare,
    export,
    styles,
)
from stylegan_cli.cli.discover.styles import EXAMPLES as STYLES_EXAMPLES
from stylegan_cli.cli.options import examples
from stylegan_cli.cli.study import StudyFlags

discover_app = typer.Typer(
    help="Find directions along which a network changes its images.",
    epilog=examples(
        "sgtool discover sefa",
        "sgtool discover pca --samples 50000",
        "sgtool discover attribute brightness",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@discover_app.command(
    "sefa",
    epilog=examples(
        "sgtool discover sefa",
        "sgtool discover sefa --layers coarse --layers middle --layers fine --count 5",
        "sgtool discover sefa --seeds 0-2 --psi 0.7 --measured-on 32 -o faces.h5",
    ),
)
@with_flags_of_discovery
def sefa(
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            autocompletion=completion.layers,
            help="Layers whose weights count, and which move: all, coarse or 0-3. Given again, "
            "further directions.",
        ),
    ] = None,
    count: CountFlag = 10,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    flags: StudyFlags,
) -> None:
    """Find directions from the weights alone (SeFa), within seconds.

    Writes the directions, sheets that show each of them from step to step, and a ranking.
    """

    def find(network: "api.Network", group: str) -> FoundDirections:
        return FoundDirections(
            api.find_sefa(
                network,
                layers=layers or ("all",),
                count=count,
                class_index=api.chosen_class(network, flags.class_name),
                group=group,
            )
        )

    discover(find, name or "sefa", output, show, flags)


@discover_app.command(
    "pca",
    epilog=examples(
        "sgtool discover pca",
        "sgtool discover pca --space activations:b8 --samples 10000",
    ),
)
@with_flags_of_discovery
def pca(
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            help="w, or activations:LAYER as activations:b8, which networks without w need.",
        ),
    ] = "w",
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Codes to draw: 50000, or 10000 activations."),
    ] = None,
    count: CountFlag = 10,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    flags: StudyFlags,
) -> None:
    """Find the principal components of W or of a layer (GANSpace)."""

    def find(network: "api.Network", group: str) -> FoundDirections:
        return FoundDirections(
            api.find_components(
                network,
                samples=samples,
                layer=api.component_layer(space),
                count=count,
                class_index=api.chosen_class(network, flags.class_name),
                group=group,
            )
        )

    discover(find, name or "pca", output, show, flags)


discover_app.command("attribute", epilog=ATTRIBUTE_EXAMPLES)(attribute)
discover_app.command("channels", epilog=CHANNELS_EXAMPLES)(channels)
discover_app.command("styles", epilog=STYLES_EXAMPLES)(styles)
discover_app.command("compare", epilog=COMPARE_EXAMPLES)(compare)
discover_app.command("export", epilog=EXPORT_EXAMPLES)(export)
