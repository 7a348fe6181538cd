"""A study of noise: fixed, fresh, on some layers only, and its share of the variance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int8

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling, sampling_request
from stylegan_cli.networks.noise import NOISE_MODES, NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import layer_groups, parse_layers
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.runtime import stream_seed
from stylegan_cli.studies.noise.figures import (
    paint_components,
    paint_draws,
    paint_layers,
    paint_maps,
    paint_variance,
)

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

Inputs = tuple[int, ...]
"""Noise inputs by their number, from coarse to fine."""


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """Options of a study of noise.

    Attributes:
        draws: Draws of random noise for each seed, at least 2.
        layers: Lists of the noise inputs that get noise while the others get none, such as `all`,
            `none`, `coarse` or `0-3`. Numbers count noise inputs, and input i belongs to the layer
            that style i drives: StyleGAN has two for each side from 4 px up, StyleGAN2 one at
            4 px and then two. `coarse`, `middle` and `fine` go by the levels of the noise maps,
            4-8, 16-32, and 64 px up. Without a list: all, none, and each of these three alone.
        crop: Left, top and side of the part shown enlarged; None takes for each seed the part that
            varies most.
        components: Principal components of each seed's draws that are shown, fewer than draws.
    """

    draws: int = 16
    layers: Sequence[str] = ()
    crop: tuple[int, int, int] | None = None
    components: int = 0


USUAL = NoiseOptions()
SILENCE = (
    "all noise strengths of this network are 0: noise does not change its images; training is "
    "what raises them"
)


def noise_variation(
    network: Network,
    seeds: Sequence[Pick],
    options: NoiseOptions = USUAL,
    sampling: Sampling = PLAIN,
) -> Plan:
    """Plan images with noise on some layers only, fresh draws, and its share of the variance.

    The sheet is [SG1] figure 5, each seed with its fixed noise on the inputs of each list; the
    draws, with noise on the first list that has any inputs, are figure 4.
    """
    _check(network, options, sampling)
    lists = _lists([size.level for size in network.sizes.noise_sizes], options.layers)
    picked = codes_of_picks(network, seeds, sampling)
    return Plan(
        study="noise",
        request={
            "seeds": picked.request,
            "draws": options.draws,
            "layers": list(lists),
            "crop": options.crop and list(options.crop),
            **({"components": options.components} if options.components else {}),
            **sampling_request(network, sampling),
        },
        noise_mode="const",
        axes={"seed": picked.names, "noise": tuple(lists)},
        sheets=(picked.title,),
        make=lambda: _tables(network.G, picked.codes, tuple(lists.values()), options),
        pictures={
            "draws": paint_draws,
            "maps": paint_maps,
            "layers": paint_layers,
            # one seed alone does not show the variance of styles
            **({"variance": paint_variance} if len(picked.names) > 1 else {}),
            **({"components": paint_components} if options.components else {}),
        },
        notes=picked.notes,
    )


def _tables(G: "Generator", codes: Codes, lists: Sequence[Inputs], options: NoiseOptions) -> Tables:
    from stylegan_cli.studies.noise.measurements import NoiseDraws, measurements, strengths

    moving = [strength > 0 for strength in strengths(G)]
    noisy = next(inputs for inputs in lists if inputs)
    draws = _with_modes(codes, [_modes(moving, noisy, "random")] * options.draws)
    own = [
        [stream_seed(int(seed), "draw", i) for i in range(options.draws)]
        for seed in codes.noise_seed
    ]
    draws = replace(draws, noise_seed=np.array(own, np.int64))
    measured = NoiseDraws(G=G, codes=draws, lists=tuple(lists), options=options)
    return Tables(
        codes=_with_modes(codes, [_modes(moving, inputs, "const") for inputs in lists]),
        series={"draws": draws},
        measurements=measurements(measured),
        notes=() if any(moving) else (SILENCE,),
    )


def _check(network: Network, options: NoiseOptions, sampling: Sampling) -> None:
    if not network.sizes.has_noise:
        raise UsageError(
            "noise: this network has no noise inputs, its images depend on their seeds alone; "
            "draw single images with `sgtool grid`"
        )
    if sampling.noise_mode != "const":
        raise UsageError(
            "this study sets the noise itself, and always "
            "shows the fixed one beside the fresh ones; leave `noise_mode` out",
            parameter="noise_mode",
            value=sampling.noise_mode,
        )
    if options.draws < 2:
        raise UsageError(
            "a variance needs at least 2 draws", parameter="draws", value=options.draws
        )
    if not 0 <= options.components < options.draws:
        raise UsageError(
            f"out of range; {options.draws} draws have 1-{options.draws - 1}",
            parameter="components",
            value=options.components,
        )
    if options.crop is not None:
        x, y, size = options.crop
        whole = network.sizes.size
        if min(x, y) < 0 or size < 1 or x + size > whole.width or y + size > whole.height:
            raise UsageError(
                f"`crop={x},{y},{size}`: reaches beyond the images, which are "
                f"{whole}; write left,top,side in pixels, such as "
                f"0,0,{min(whole.width, whole.height) // 2}"
            )


def _lists(sides: Sequence[int], texts: Sequence[str]) -> Mapping[str, Inputs]:
    """Return the noise inputs that get noise, by the name of their list."""
    if not texts:
        return {"all": tuple(range(len(sides))), "none": (), **layer_groups(sides)}
    lists = {
        text: () if text == "none" else parse_layers(text, sides) for text in map(str.strip, texts)
    }
    if not any(lists.values()):
        raise UsageError(
            "nothing is left to draw; give another list beside it", parameter="layers", value="none"
        )
    return lists


def _modes(
    moving: Sequence[bool], inputs: Inputs, mode: NoiseMode
) -> Int8[np.ndarray, " noise_inputs"]:
    """Return the mode for these inputs, and none for others or those without effect."""
    # so that images that noise leaves alone have equal codes, and thus equal bits
    moved = [i in inputs and moves for i, moves in enumerate(moving)]
    return np.where(moved, NOISE_MODES.index(mode), NOISE_MODES.index("none")).astype(np.int8)


def _with_modes(codes: Codes, modes: Sequence[Int8[np.ndarray, " noise_inputs"]]) -> Codes:
    """Return every code with each of these modes."""
    tables = [
        replace(codes, noise_modes=np.broadcast_to(each, (*codes.shape, len(each))))
        for each in modes
    ]
    return join_codes(tables, partial(np.stack, axis=1))
