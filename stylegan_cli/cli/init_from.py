"""A run that starts from a trained network: its flags as keys of a recipe, and what is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylegan_cli.cli import completion

if TYPE_CHECKING:
    from stylegan_cli.recipe import Settled
    from stylegan_cli.training.transfer import Transfer

InitFlag = Annotated[
    Path | None,
    typer.Option(
        "--init-from",
        metavar="NET",
        autocompletion=completion.networks,
        help="Start from this network or run; without RECIPE, with its recipe too.",
    ),
]
PartialFlag = Annotated[
    bool, typer.Option("--allow-partial", help="Layers that do not fit start at random.")
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


def assignments(
    network: Path | None, *, partial: bool, freeze_d: int, freeze_mapping: bool
) -> list[str]:
    """The flags as assignments to keys of a recipe; only those that are given."""
    given = {
        "init.network": network,
        "init.allow_partial": "true" if partial else None,
        "init.freeze_d": freeze_d or None,
        "init.freeze_mapping": "true" if freeze_mapping else None,
    }
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def recipe_of(network: Path, folder: Path, overrides: list[str]) -> "Settled":
    """The recipe that a network was trained with, as one that starts from it.

    ADA takes the speed of such a run, not that of the network's own.

    Args:
        folder: Where the run may have begun already, so that the network is not needed again.
    """
    from dataclasses import replace

    from stylegan_cli.recipe import InitSection, load, override
    from stylegan_cli.training.origin import open_origin
    from stylegan_cli.training.run_folder import RunFolder

    run = RunFolder(path=folder)
    recipe = load(run.recipe) if run.state.exists() else None
    if recipe is None or recipe.init.network != str(network):
        recipe = open_origin(InitSection(network=str(network))).recipe
    augment = replace(recipe.augment, ada_kimg="auto")
    return override(replace(recipe, init=InitSection(), augment=augment), overrides)


def planned(recipe: "Settled") -> "tuple[Settled, Transfer | None]":
    """A recipe as a run would begin with it, and what it takes from the network it names.

    Labels, if any, are taken to be as many as the network has.
    """
    from stylegan_cli.training.origin import open_origin, with_origin
    from stylegan_cli.training.transfer import plan_transfer

    if recipe.init.network is None:
        return recipe, None
    origin = open_origin(recipe.init)
    c_dim = origin.c_dim if recipe.data.labels else 0
    return with_origin(recipe, origin), plan_transfer(origin, recipe, c_dim=c_dim)


def lines_of(transfer: "Transfer") -> Iterator[str]:
    """What is taken from where, what starts at random and what keeps its weights."""
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
        outcome = "is left there" if misfit.ours is None else "starts at random"
        yield f"does not fit, {outcome}: {misfit.words}"
    if transfer.frozen:
        yield f"keep their weights: {', '.join(transfer.frozen)}"


def facts_of(transfer: "Transfer") -> dict[str, Any]:
    """The same for a program."""
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
