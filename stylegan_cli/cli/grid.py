"""`sgtool grid`: one image per seed or code."""

from pathlib import Path
from typing import Annotated

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion
from stylegan_cli.cli.options import PsiListFlag, SeedsFlag, StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.ranges import parse_floats, parse_ints, parse_points


@with_flags
def grid(
    seeds: SeedsFlag = "0-15",
    psi: PsiListFlag = "1",
    per_class: bool = False,
    collage: bool = False,
    translate: str = "0,0",
    rotate: float = 0.0,
    noise_seeds: str | None = None,
    noise_scale: str | None = None,
    noise_layers: Annotated[str | None, typer.Option(autocompletion=completion.layers)] = None,
    noise_mask: Path | None = None,
    *,
    flags: StudyFlags,
) -> None:
    """Draw one image per seed, or per code in a file.

    Writes an HDF5 file, a PNG per image, and one composed picture per psi. A --label with
    START:STOP:COUNT draws a row for each label.

    Args:
        per_class: Draw a row of images for each class.
        collage: Arrange images of several sizes without gaps.
        translate (X,Y): Move the pictures right and down, in image widths.
        rotate (DEG): Turn the pictures counter-clockwise.
        noise_seeds (LIST): Fresh draws of noise for each image, by their numbers; a column each.
        noise_scale (LIST): Factors of the noise, as 0,0.5,1,2; a column each.
        noise_layers (LIST): Noise inputs that change, as fine or 0-3; all if not given.
        noise_mask (PICTURE): Fresh noise only where this picture is white.

    Examples:
        sgtool grid --seeds 0-15
        sgtool grid --seeds 7,21,100-120 --psi 0.5,1 --network runs/people -o people
        sgtool grid --seeds 7,projected.npz,styles/mix.h5:1/2
        sgtool grid --seeds 0-7 --per-class --pdf
        sgtool grid --seeds 0-7 --label smile=0:1:5,age=30 --network runs/faces
        sgtool grid --seeds 0-69 --psi 0.7 --collage
        sgtool grid --seeds 0-15 --translate 0.1,0 --rotate 15 --network runs/waves
        sgtool grid --seeds 0-3 --noise-seeds 0-7 --noise-layers fine
        sgtool grid --seeds 0-3 --noise-scale 0,0.5,1,2
    """
    chosen, psis = api.parse_picks(seeds), parse_floats(psi)

    (shift,) = parse_points(translate, 2, parameter="translate", most=1)
    draws = () if noise_seeds is None else parse_ints(noise_seeds, parameter="noise_seeds")
    scales = () if noise_scale is None else parse_floats(noise_scale, parameter="noise_scale")

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        noise = None
        if draws or scales or noise_layers or noise_mask:
            noise = api.NoiseChange(
                draws=draws,
                scales=scales,
                layers=noise_layers,
                mask=None if noise_mask is None else api.read_mask(noise_mask, network.sizes.size),
            )
        options = api.GridOptions(
            psis=psis,
            per_class=per_class,
            collage=collage,
            translate=shift,
            rotate=rotate,
            noise=noise,
        )
        return api.grid(network, chosen, sampling, options)

    run_study(make_plan, flags)
