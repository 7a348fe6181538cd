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
from stylegan_cli.cli.options import StudyFlags, examples

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
    layers: Annotated[list[str] | None, typer.Option(autocompletion=completion.layers)] = None,
    count: CountFlag = 10,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    flags: StudyFlags,
) -> None:
    """Find directions from the weights alone (SeFa), within seconds.

    Writes the directions, sheets that show each of them from step to step, and a ranking.

    Args:
        layers (LIST): Layers whose weights count, and which move: all, coarse or 0-3. Given again,
            further directions.
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
    space: str = "w",
    samples: Annotated[int | None, typer.Option(min=2)] = None,
    count: CountFlag = 10,
    output: FileFlag = Path("directions.h5"),
    name: NameFlag = None,
    *,
    show: ShowFlags,
    flags: StudyFlags,
) -> None:
    """Find the principal components of W or of a layer (GANSpace).

    Args:
        space (SPACE): w, or activations:LAYER as activations:b8, which networks without w need.
        samples (N): Codes to draw: 50000, or 10000 activations.
    """

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
