"""`sgtool edit`: images moved along directions."""

from pathlib import Path
from typing import Any

from stylegan_cli import api
from stylegan_cli.cli import console
from stylegan_cli.cli.options import SeedsFlag, StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.ranges import parse_floats


@with_flags
def edit(
    direction: list[str],
    seeds: SeedsFlag = "0-3",
    strength: str | None = None,
    layers: str | None = None,
    to: bool = False,
    video: bool = False,
    force: bool = False,
    *,
    flags: StudyFlags,
) -> None:
    """Move images along directions, step by step.

    Draws a row for each seed, from step to step, and beside that what changes where, and which
    layers change it. Step 0 is the image that `sgtool grid` draws.

    Args:
        direction (FILE:NAME[@LAYERS][=STEPS]): Direction in a file of `sgtool discover`, or of
            InterFaceGAN (.npy), GANSpace (.npz) or rosinality (.pt), in some layers alone. Repeated
            directions add up, each STEPS times.
        strength (LIST): Steps, in standard deviations of what the network draws, as -2,0,2 or
            START:STOP:COUNT. -3:3:7 by default; 0,1 if every direction has STEPS.
        layers (LIST): Move only these layers, such as coarse or 0-3, where a direction has no
            LAYERS.
        to: Move to these coordinates instead of by these steps.
        video: Also write edit.mp4: every seed from the lowest strength to the highest and back.
        force: Accept directions found in another network.

    Examples:
        sgtool edit --seeds 0-3 --direction directions.h5:sefa/0
        sgtool edit --seeds 0-3,projected.h5:0 --direction directions.h5:pca/1@coarse
        sgtool edit --seeds 0-3 --direction directions.h5:sefa/0 --layers coarse
        sgtool edit --direction directions.h5:sefa/0=2 --direction directions.h5:sefa/3=-1
        sgtool edit --direction smile.npy --strength -2:2:9 --to --psi 0.7
        sgtool edit --seeds 0-3 --direction directions.h5:sefa/0 --video
    """
    chosen = api.parse_picks(seeds)
    directions = [api.parse_direction(text, layers=layers) for text in direction]
    options = api.EditOptions(
        strengths=() if strength is None else parse_floats(strength, parameter="strength"),
        absolute=to,
        force=force,
    )

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        return api.edit(network, chosen, directions, options, sampling)

    def film(network: "api.Network", sampling: "api.Sampling") -> "api.Footage":
        return api.film_of_edit(network, chosen, directions, options, sampling)

    run_study(make_plan, flags, findings=_tell_reach, make_film=film if video else None)


def _tell_reach(hdf5: Path) -> dict[str, Any]:
    """Print how far out the codes lie, and return it for JSON."""
    from dataclasses import asdict

    found = api.edit_reaches(hdf5)
    console.note("strength   further out than this share of the network's own codes")
    for each in found:
        console.note(f"{each.strength:>8g}   {each.percentile:.3g} %")
    far = [f"{each.strength:g}" for each in found if each.is_far]
    if far:
        console.warn(
            f"strength {', '.join(far)}: leads to codes that the network itself draws once in a "
            "hundred times or less, so images may fall apart; take smaller steps"
        )
    return {"reach": [asdict(each) for each in found]}
