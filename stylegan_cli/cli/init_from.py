"""Runs that start from a trained network: flags, and a summary of the weights they take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion
from stylegan_cli.cli.network import local

InitFlag = Annotated[
    Path | None,
    typer.Option(
        "--init-from",
        metavar="NET",
        autocompletion=completion.networks,
        help="Start from this network, run or address; without RECIPE, with its recipe too.",
    ),
]
PartialFlag = Annotated[
    bool, typer.Option("--allow-partial", help="Start layers that do not fit at random.")
]
FreezeDFlag = Annotated[
    int,
    typer.Option(
        "--freeze-d", metavar="N", min=0, help="Keep N layers of D, the highest resolution first."
    ),
]
FreezeMappingFlag = Annotated[
    bool, typer.Option("--freeze-mapping", help="Keep the mapping network of G.")
]


def origin(typed: Path) -> str:
    """Return a network as recipes name it; fetch it now if it is at an address."""
    address = api.address_of(typed)
    if address:
        local(typed)
    return address or str(typed)


def assignments(
    network: str | None, *, partial: bool, freeze_d: int, freeze_mapping: bool
) -> list[str]:
    """Return the flags that are given as assignments to keys of a recipe."""
    given = {
        "init.network": network,
        "init.allow_partial": "true" if partial else None,
        "init.freeze_d": freeze_d or None,
        "init.freeze_mapping": "true" if freeze_mapping else None,
    }
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def lines_of(transfer: "api.Transfer") -> Iterator[str]:
    """Yield lines on the weights that are taken, random or frozen."""
    origin = transfer.origin
    shown = f", {origin.kimg:g} kimg" if origin.kimg else ""
    yield (
        f"starts from {origin.path}: {origin.recipe.title}{shown}; "
        f"{len(transfer.taken)} tensors taken"
    )
    yield f"licence of its weights: {origin.licence}"
    yield from origin.notes
    if not origin.has_discriminator:
        yield "it has no discriminator: D starts at random"
    for misfit in transfer.misfits:
        outcome = "is ignored" if misfit.ours is None else "starts at random"
        yield f"does not fit, {outcome}: {misfit.words}"
    if transfer.frozen:
        yield f"frozen: {', '.join(transfer.frozen)}"


def facts_of(transfer: "api.Transfer") -> dict[str, Any]:
    """Return the same facts for JSON."""
    misfits = [
        {"name": misfit.name, "theirs": misfit.theirs, "ours": misfit.ours}
        for misfit in transfer.misfits
    ]
    return {
        **transfer.origin.facts,
        "tensors": len(transfer.taken),
        "misfits": misfits,
        "frozen": transfer.frozen,
    }
