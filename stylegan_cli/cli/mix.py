"""`sgtool mix`: style-mixing matrices."""

from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.options import StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.ranges import parse_ints


@with_flags
def mix(
    rows: str = "0-3",
    cols: str = "4-9",
    crossover: str | None = None,
    layers: Annotated[list[str] | None, typer.Option(autocompletion=completion.layers)] = None,
    *,
    flags: StudyFlags,
) -> None:
    """Mix the styles of seeds in a matrix.

    Each cell shows its row's image with some layers taken from its column's: coarse layers
    control pose and shape, fine ones colours.

    Args:
        rows (LIST): Rows: seeds such as 1,2, or codes in files.
        cols (LIST): Columns, likewise.
        crossover (LIST): First layer that takes the column's style. A list gives one matrix each.
            Default: the middle layer.
        layers (LIST): Instead of --crossover: the layers that take the column's style, such as
            coarse, 0-3 or 8-. Repeat for another matrix.

    Examples:
        sgtool mix --rows 1,2 --cols 3,4 --crossover 8
        sgtool mix --rows 0-3 --cols 4-9 --crossover 2,4,8 --psi 0.7
        sgtool mix --rows 0-3 --cols 4-9 --layers coarse --layers 8-
    """
    row_picks, col_picks = (
        api.parse_picks(rows, parameter="rows"),
        api.parse_picks(cols, parameter="cols"),
    )
    starts = () if crossover is None else parse_ints(crossover, parameter="crossover")

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        plan = api.mix(
            network, row_picks, col_picks, crossover=starts, layers=layers or (), sampling=sampling
        )
        if not (starts or layers):
            last = network.sizes.active_ws
            console.note(f"{plan.sheets[0]} of 0-{last}; choose others with --crossover")
        return plan

    run_study(make_plan, flags)
