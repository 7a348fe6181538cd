"""`sgtool discover`: directions of a network, shown, measured and kept in a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylegan_cli.cli import completion, console
from stylegan_cli.cli.options import examples
from stylegan_cli.cli.study import StudyFlags, run_study, with_study_flags
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.ranges import parse_floats

if TYPE_CHECKING:
    from stylegan_cli.directions.file import Discovery
    from stylegan_cli.latents.sampling import Sampling
    from stylegan_cli.networks.snapshot import Network
    from stylegan_cli.rendering.plan import Plan
    from stylegan_cli.studies.discovery.findings import Standing

discover_app = typer.Typer(
    help="Find directions: what a network can change, and what does it.",
    epilog=examples(
        "sgtool discover sefa",
        "sgtool discover pca --samples 50000",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
with_flags_of_discovery = partial(with_study_flags, without=("output",))

FileFlag = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.h5",
        help="File of directions, which may hold others already; pictures go into a folder "
        "beside it.",
    ),
]
NameFlag = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="What to call the directions in the file."),
]
CountFlag = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Directions to keep.")]


@dataclass(frozen=True, kw_only=True)
class ShowFlags:
    """How what was found is shown and measured."""

    seeds: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Seeds, or codes in files, to show directions on; a sheet each."
        ),
    ] = "0"
    strength: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Steps, in standard deviations of what the network draws.",
        ),
    ] = "-3:3:7"
    measured_on: Annotated[
        int, typer.Option("--measured-on", metavar="N", min=2, help="Seeds to measure changes on.")
    ] = 8


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
    from stylegan_cli import api

    def find(network: "Network", group: str) -> "Discovery":
        return api.find_sefa(network, layers=layers or ("all",), count=count, group=group)

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
    """Find the principal components of what the network draws (GANSpace)."""
    from stylegan_cli import api

    def find(network: "Network", group: str) -> "Discovery":
        return api.find_components(
            network,
            samples=samples,
            layer=api.component_layer(space),
            count=count,
            class_index=api.chosen_class(network, flags.class_name),
            group=group,
        )

    discover(find, name or "pca", output, show, flags)


def discover(
    find: "Callable[[Network, str], Discovery]",
    group: str,
    output: Path,
    show: ShowFlags,
    flags: StudyFlags,
) -> None:
    """Find directions, show and measure them, and keep them with what was measured.

    Args:
        find: Gives the directions of a network, each of a name that begins with the group's.
        group: What they are called together in the file.

    Raises:
        SgtoolError: The network, the options or the place cannot be used.
    """
    from stylegan_cli import api

    picks = parse_picks(show.seeds)
    strengths = parse_floats(show.strength, parameter="strength")
    found: list[Discovery] = []

    def make_plan(network: "Network", sampling: "Sampling") -> "Plan":
        discovery = find(network, group)
        api.check_directions(output, discovery, overwrite=flags.overwrite)
        found.append(api.without_repeats(network, discovery))
        detector = api.open_detector(
            None, purpose="distance", device=network.G.mapping.w_avg.device
        )
        options = api.DiscoveryOptions(seeds=picks, strengths=strengths, samples=show.measured_on)
        return api.discovery(network, discovery, detector, options, sampling)

    def keep(hdf5: Path) -> Mapping[str, Any]:
        api.write_directions(output, api.with_measures(found[0], hdf5), overwrite=flags.overwrite)
        ranked = api.standings(hdf5)
        for line in _ranking(ranked):
            console.note(line)
        if not flags.json:
            typer.echo(output)
        return {
            "directions": str(output),
            "ranking": [{**vars(each), "score": each.score} for each in ranked],
        }

    folder = output.with_suffix("") / group
    run_study(make_plan, replace(flags, output=folder), findings=keep)


def _ranking(ranked: "Sequence[Standing]") -> list[str]:
    wide = max(len(each.name) for each in ranked)
    lines = [f"{'direction':<{wide}}  LPIPS at 1 σ  × noise  consistency  score   layers"]
    for each in ranked:
        noise = "-" if each.over_noise is None else f"{each.over_noise:.2g}"
        lines.append(
            f"{each.name:<{wide}}  {each.lpips_per_sigma:>12.4f}  {noise:>7}  "
            f"{each.consistency:>11.2f}  {each.score:.4f}  {each.layers}"
        )
    return lines
