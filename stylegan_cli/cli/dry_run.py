"""`sgtool train --dry-run`: the settled recipe, parameters, memory and hours."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import typer

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.ticks import transfer_lines

MOST_BYTES = 2**30
"""Memory of a run up to which a CPU can try it in a short time."""


_SIZE_KEYS = ("level", "size")
"""Of a stage: in JSON, one resolution as recipes write it."""


def show_cost(
    settlement: "api.Settlement", device_name: str, *, recipe_name: str, json: bool
) -> None:
    """Print the settled recipe of a run, its memory and its time.

    Labels, if any, are taken to be as many as those of the network it starts from.
    """
    recipe, origin = settlement.recipe, settlement.origin
    device = api.pick_device(device_name)
    dtype = api.pick_dtype(recipe.train.precision, device)
    c_dim = origin.c_dim if origin and recipe.data.labels else 0
    transfer = api.plan_transfer(origin, recipe, c_dim=c_dim) if origin else None
    cost = api.estimate(recipe, c_dim=c_dim, dtype=dtype)
    pace = None
    if device.type != "cpu" or cost.total_bytes <= MOST_BYTES:
        pace = api.forecast(recipe, device, dtype)
    if json:
        facts = _facts(recipe, cost, pace.hours if pace else None)
        started = {"init": _transfer_facts(transfer)} if transfer else {}
        chosen = {key: choice._asdict() for key, choice in settlement.reasons.items()}
        console.echo_json(facts | started | ({"automatic": chosen} if chosen else {}))
    else:
        _print(settlement, cost, transfer)
        if pace is None:
            console.note(f"measure how long it takes: sgtool bench {recipe_name}")
        else:
            of, batch = pace.images, api.stages(recipe)[-1].batch_size
            fewer = f" of {of} of the {batch} images of a step" if of < batch else ""
            per_kimg = pace.hours * 3600 / recipe.train.total_kimg
            console.note(
                f"{_in_words(pace.hours)} here, at {per_kimg:.3g} s/kimg in a short trial{fewer}"
            )


def _print(
    settlement: "api.Settlement", cost: "api.Estimate", transfer: "api.Transfer | None"
) -> None:
    typer.echo(api.dump_recipe(settlement.recipe), nl=False)
    for key, choice in settlement.reasons.items():
        console.note(f"{key} is auto: {choice.value} ({choice.why})")
    counts: Mapping[str, int] = cost.parameters
    has_styles = settlement.recipe.generator.styles
    styles = f"{cost.num_ws} style layers" if has_styles else "no styles"
    console.note(f"G {counts['generator']:,} parameters, D {counts['discriminator']:,}, {styles}")
    if api.is_growing(settlement.recipe):
        first, *later = api.stages(settlement.recipe)
        begins = [f"{stage.size.value} px from {stage.from_kimg:g} kimg" for stage in later]
        console.note(", ".join([f"starts at {first.size.value} px", *begins]))
    for line in transfer_lines(transfer) if transfer else ():
        console.note(line)
    console.note(
        f"about {_memory(cost.total_bytes)} of memory on each device with "
        f"{cost.batch_per_device} images at once, plus the runtime's own"
    )


def _memory(size: int) -> str:
    return f"{size / 2**20:.0f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"


def _in_words(hours: float) -> str:
    minutes = hours * 60
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes:.2g} minutes" if minutes < 90 else f"about {hours:.3g} hours"


def _facts(recipe: "api.Settled", cost: "api.Estimate", hours: float | None) -> dict[str, Any]:
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
        "hours": hours,
    }
    if api.is_growing(recipe):
        facts["stages"] = [
            {
                "resolution": stage.size.value,
                **{key: value for key, value in asdict(stage).items() if key not in _SIZE_KEYS},
            }
            for stage in api.stages(recipe)
        ]
    return facts


def _transfer_facts(transfer: "api.Transfer") -> dict[str, Any]:
    """Return facts on the weights that are taken, random or frozen, for JSON."""
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
