"""`sgtool discover styles`, `compare`, `export`: clusters of W, and single directions."""

from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.network import open_network
from stylegan_cli.cli.options import (
    NetworkFlag,
    QuietFlag,
    StudyFlags,
    VerboseFlag,
    with_flags,
)
from stylegan_cli.errors import OutputError


@with_flags
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
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; choose another `output` or `overwrite`")
    opened = open_network(network, StudyFlags())
    centres, shares = api.cluster_centres(opened, count, samples=samples)
    api.write_centres(output, opened, centres)
    for i, share in enumerate(shares):
        console.note(f"style {i}: {share:.1%} of what the network draws")
    facts = {"styles": str(output), "shares": shares.tolist()}
    console.echo_result([output], facts, as_json=json)


@with_flags
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


@with_flags
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
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; choose another name or `overwrite`")
    api.export_direction(output, api.parse_direction(direction))
    typer.echo(output)
