"""How a machine carries training out: flags that are no part of a recipe."""

from typing import TYPE_CHECKING, Annotated

import typer

from stylegan_cli.errors import UsageError
from stylegan_cli.ops import BackendName

if TYPE_CHECKING:
    from stylegan_cli.training.conduct import Conduct, EngineName

CompileFlag = Annotated[
    bool,
    typer.Option("--compile", help="Compile the main phases; minutes at the start, faster after."),
]
GraphsFlag = Annotated[
    bool,
    typer.Option("--cuda-graphs", help="Replay each phase as a CUDA graph; not yet tried out."),
]
ProfileFlag = Annotated[
    int,
    typer.Option(
        "--profile", metavar="N", min=0, help="Trace N iterations into RUN/profile, and go on."
    ),
]


def conduct_of(*, compiled: bool, captured: bool, backend: BackendName, profile: int) -> "Conduct":
    """The flags as one record.

    Raises:
        UsageError: Two of them exclude each other.
    """
    from stylegan_cli.training.conduct import Conduct

    if compiled and captured:
        raise UsageError("--compile and --cuda-graphs: each is a way of its own; leave one out")
    engine: EngineName = "compiled" if compiled else "captured" if captured else "eager"
    return Conduct(engine=engine, backend=backend, profile=profile)
