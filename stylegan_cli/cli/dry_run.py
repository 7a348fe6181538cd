"""What `sgtool train --dry-run` tells: the resolved recipe, parameters and memory."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from stylegan_cli.cli import automatic, console
from stylegan_cli.cli import init_from as starting
from stylegan_cli.cli.console import echo_json

if TYPE_CHECKING:
    from stylegan_cli.recipe import Choice, Settled
    from stylegan_cli.training.estimate import Estimate


def show_cost(
    recipe: "Settled", device_name: str, reasons: "Mapping[str, Choice]", *, json: bool
) -> None:
    from stylegan_cli import api
    from stylegan_cli.recipe import dumps
    from stylegan_cli.runtime import pick_dtype

    resolved = api.resolve_recipe(recipe)
    dtype = pick_dtype(resolved.train.precision, api.pick_device(device_name))
    resolved, transfer = starting.planned(resolved)
    cost = api.estimate(resolved, c_dim=transfer.c_dim if transfer else 0, dtype=dtype)
    if json:
        started = {"init": starting.facts_of(transfer)} if transfer else {}
        came_to = {key: asdict(choice) for key, choice in reasons.items()}
        automatic_keys = {"automatic": came_to} if came_to else {}
        echo_json(_cost_facts(resolved, cost) | started | automatic_keys)
        return
    typer.echo(dumps(resolved), nl=False)
    for line in automatic.lines_of(reasons):
        console.note(line)
    counts = cost.parameters
    console.note(
        f"G {counts['generator']:,} parameters, D {counts['discriminator']:,}, "
        f"{cost.num_ws} style layers"
    )
    if api.is_growing(resolved):
        console.note(_growth(resolved))
    for line in starting.lines_of(transfer) if transfer else ():
        console.note(line)
    console.note(
        f"about {cost.total_bytes / 2**30:.1f} GiB of memory on each device, "
        f"{cost.batch_per_device} images at once; without the runtime's own"
    )


def _cost_facts(recipe: "Settled", cost: "Estimate") -> dict[str, Any]:
    from stylegan_cli import api

    facts = {
        "recipe": asdict(recipe),
        "parameters": cost.parameters,
        "num_ws": cost.num_ws,
        "memory": {
            "batch_per_device": cost.batch_per_device,
            "weight_bytes": cost.weight_bytes,
            "activation_bytes": cost.activation_bytes,
            "total_bytes": cost.total_bytes,
        },
    }
    if api.is_growing(recipe):
        facts["stages"] = [asdict(stage) for stage in api.stages(recipe)]
    return facts


def _growth(recipe: "Settled") -> str:
    from stylegan_cli import api

    first, *later = api.stages(recipe)
    begins = [f"{stage.resolution} px from {stage.from_kimg:g} kimg" for stage in later]
    return ", ".join([f"starts at {first.resolution} px", *begins])
