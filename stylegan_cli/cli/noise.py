"""`sgtool noise`: what the noise inputs change, and how much."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Annotated, Any

import typer

from stylegan_cli import api
from stylegan_cli.cli import completion, console
from stylegan_cli.cli.options import SeedsFlag, StudyFlags, with_flags
from stylegan_cli.cli.study import run_study
from stylegan_cli.errors import UsageError
from stylegan_cli.ranges import parse_ints


@partial(with_flags, without=("noise_mode",))
def noise(
    seeds: SeedsFlag = "0-3",
    draws: Annotated[int, typer.Option(min=2)] = 16,
    layers: Annotated[list[str] | None, typer.Option(autocompletion=completion.layers)] = None,
    crop: str | None = None,
    components: Annotated[int, typer.Option(min=0)] = 0,
    *,
    flags: StudyFlags,
) -> None:
    """Show and measure what the noise inputs change.

    Draws each seed with its fixed noise on some layers only, and with many random draws. Writes
    the mean and standard deviation of each pixel, the effect of each layer's noise, and the
    shares of noise and style in the variance of images.

    Args:
        draws (N): Random noise draws per seed.
        layers (LIST): Noise inputs that stay on: all, none, coarse or 0-3, counted from 4 px up.
            Repeat for another list. Default: all, none, coarse, middle and fine.
        crop (X,Y,SIZE): Part of the images to enlarge. Default: where images vary most.
        components (N): Show N principal components of each seed's draws.

    Examples:
        sgtool noise --seeds 0-3 --draws 16
        sgtool noise --seeds 0-3 --draws 100 --crop 16,8,24 --psi 0.7
        sgtool noise --seeds 0-3 --draws 64 --components 6
        sgtool noise --seeds 7 --layers all --layers none --layers fine --layers coarse,middle
    """
    chosen, part = api.parse_picks(seeds), _parse_crop(crop)

    def make_plan(network: "api.Network", sampling: "api.Sampling") -> "api.Plan":
        options = api.NoiseOptions(
            draws=draws, layers=layers or (), crop=part, components=components
        )
        return api.noise_variation(network, chosen, options, sampling)

    run_study(make_plan, flags, findings=_tell_findings)


def _parse_crop(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    numbers = parse_ints(text, parameter="crop")
    if len(numbers) != 3:
        raise UsageError(
            "not left,top,side in pixels; write for example 16,8,24", parameter="crop", value=text
        )
    x, y, size = numbers
    return x, y, size


def _tell_findings(hdf5: Path) -> dict[str, Any]:
    """Print the tables of layers and variances, and return them for JSON."""
    from dataclasses import asdict

    with api.open_study(hdf5) as file:
        found = api.noise_findings(file)
    for line in (*_layer_lines(found.layers), *_share_lines(found.shares), found.verdict):
        if line is not None:
            console.note(line)
    return {
        **asdict(found),
        "shares": [{**asdict(each), "share": each.share} for each in found.shares],
    }


def _layer_lines(layers: Sequence["api.LayerNoise"]) -> Iterator[str]:
    yield "noise input     side  strength  RMS difference in grey levels"
    for layer in layers:
        yield f"{layer.input:>11}  {layer.side:>4} px  {layer.strength:>8.3g}  {layer.rms:>10.3g}"


def _share_lines(shares: Sequence["api.NoiseShare"]) -> Iterator[str]:
    """Yield a table of standard deviations, which are easier to picture than variances."""
    yield "noise on               σ noise  σ style  noise's share of the variance"
    for each in shares:
        style = share = "-"
        if each.style_variance is not None:
            style = f"{sqrt(max(each.style_variance, 0)):.3g}"
        if each.share is not None:
            share = f"{100 * each.share:.3g} %"
        yield f"{each.noise:<20}  {sqrt(each.noise_variance):>8.3g}  {style:>7}  {share:>12}"
