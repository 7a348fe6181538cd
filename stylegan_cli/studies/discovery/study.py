"""The study of a discovery: every direction from step to step, measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from stylegan_cli.detectors.registry import PerceptualDetector
from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.directions.file import Discovery
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, each_column, join_codes
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import (
    PLAIN,
    Sampling,
    codes_of_seeds,
    mean_code,
    sampling_request,
)
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import layer_groups
from stylegan_cli.rendering.plan import Axis, Plan, Tables
from stylegan_cli.studies.discovery.figures import (
    RANGES,
    paint_attributes,
    paint_overview,
    paint_ranges,
    paint_shares,
)
from stylegan_cli.studies.discovery.judging import Judge
from stylegan_cli.studies.discovery.measuring import Effects, measurements
from stylegan_cli.studies.editing.edit import STRENGTHS, pick_codes, strength_name

RANGE_STRENGTH = 2.0
"""Steps at which layers are shown apart, as the literature does."""

MEAN = "mean of W"


@dataclass(frozen=True, kw_only=True)
class DiscoveryOptions:
    """Options for showing and measuring directions.

    Attributes:
        seeds: Seeds, or codes in files, that get a sheet each beside that of the mean of W.
        samples: Seeds that directions are measured on.
        judge: Judge of images, for effects on attributes.
    """

    seeds: Sequence[Pick] = (0,)
    strengths: Sequence[float] = STRENGTHS
    samples: int = 6
    judge: Judge | None = None


USUAL = DiscoveryOptions()


def discovery(
    network: Network,
    found: Discovery,
    detector: PerceptualDetector,
    options: DiscoveryOptions = USUAL,
    sampling: Sampling = PLAIN,
) -> Plan:
    """Plan every direction at every strength, a sheet for the mean of W and for each seed.

    Beside that each direction in some layers alone, and what it does to images.

    Args:
        detector: Detector for LPIPS.

    Raises:
        UsageError: A seed is not possible with this network.
        DataError: A file is missing or damaged.
    """
    if not found.directions:
        raise UsageError("no directions were found; use more samples or other options")
    strengths = tuple(dict.fromkeys(options.strengths))
    bases = _bases(network, options.seeds, sampling)
    show = partial(_moved, network, sampling)
    sheets = [
        join_codes(
            [
                join_codes([show(base, each, strength) for strength in strengths])
                for each in found.directions
            ],
            np.stack,
        )
        for base in bases.values()
    ]
    groups = _groups(network, found.directions)
    shares = [each.facts.get("share", 0.0) for each in found.directions]
    judged = [] if options.judge is None else list(options.judge.names)
    effects = Effects(
        network=network,
        directions=found.directions,
        sampling=sampling,
        samples=options.samples,
        detector=detector,
        judge=options.judge,
    )
    return Plan(
        study=f"discover-{found.request['method']}",
        request={
            **found.request,
            "directions_sha256": content_hash(found.directions),
            "seeds": list(bases),
            "strengths": list(strengths),
            "measured_on": options.samples,
            "detector": detector.name,
            "found_for": [each.facts.get("attribute", "") for each in found.directions],
            "judged": judged,
            "layer_groups": list(groups),
            "shares": shares,
            **sampling_request(network, sampling),
        },
        noise_mode=sampling.noise_mode,
        axes=(
            Axis(name="direction", names=tuple(each.name for each in found.directions)),
            Axis(name="strength", names=tuple(map(strength_name, strengths))),
        ),
        sheets=tuple(bases),
        make=lambda: Tables(
            codes=join_codes(sheets, np.stack) if len(sheets) > 1 else sheets[0],
            series=_ranges(network, found.directions, next(iter(bases.values())), groups, show),
            measurements=measurements(effects),
        ),
        pictures={"overview": paint_overview}
        | ({RANGES: paint_ranges} if groups else {})
        | ({"shares": paint_shares} if all(shares) else {})
        | ({"attributes": paint_attributes} if judged else {}),
    )


def _moved(
    network: Network, sampling: Sampling, base: Codes, direction: Direction, strength: float
) -> Codes:
    """Move a single code along a direction, with the same columns at every strength."""
    moved = moved_codes(network, base, [Move(direction, strength)], sampling)
    return replace(moved, z=None)


def _bases(network: Network, seeds: Sequence[Pick], sampling: Sampling) -> dict[str, Codes]:
    """Return the codes on which directions are shown, each a table of one, by name."""
    bases: dict[str, Codes] = {}
    if network.G.has_w and not network.c_dim:
        bases[MEAN] = each_column(mean_code(network), lambda values: values[None])
    for pick in seeds:
        picked = pick_codes(network, [pick], sampling)
        for i, name in enumerate(picked.names):
            bases[f"seed {name}" if name.isdecimal() else name] = each_column(
                picked.codes,
                lambda values, i=i: values[i : i + 1],  # type: ignore[misc]
            )
    return bases or {"seed 0": codes_of_seeds(network, [0], sampling)}


def _groups(network: Network, directions: Sequence[Direction]) -> Mapping[str, tuple[int, ...]]:
    """Return coarse, middle and fine layers if the network has styles and directions move them."""
    if not network.G.has_styles or any(each.space != "w" for each in directions):
        return {}
    return layer_groups(network.G.synthesis.layer_levels[: network.G.active_ws])


def _ranges(
    network: Network,
    directions: Sequence[Direction],
    base: Codes,
    groups: Mapping[str, tuple[int, ...]],
    show: partial[Codes],
) -> dict[str, Codes]:
    """Return each direction in all layers, and in each group of layers alone."""
    if not groups:
        return {}
    lists = [tuple(range(network.G.num_ws)), *groups.values()]
    rows = [
        join_codes([show(base, each.at_layers(layers), RANGE_STRENGTH) for layers in lists])
        for each in directions
    ]
    return {RANGES: join_codes(rows, np.stack)}
