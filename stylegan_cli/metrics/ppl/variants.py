"""The path lengths there are: their options, published protocols and names."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from stylegan_cli.errors import UsageError, meant_or_all
from stylegan_cli.metrics.metric import Flag

Space = Literal["w", "z"]
Stretch = Literal["full", "end"]
"""Steps begin anywhere on a path, or at its end."""

ShrinkRule = Literal["cropped", "whole"]
"""The side that decides the reduction: after cropping, or before."""

USUAL_NUM = 5_000


@dataclass(frozen=True, kw_only=True)
class PathChoice:
    """The options of the path length that leave the rest to network and protocol."""

    space: Annotated[Space | None, Flag(words="Space of the paths; w if the network has one.")] = (
        None
    )
    sampling: Annotated[Stretch, Flag(words="Steps anywhere on a path, or at its end.")] = "full"
    crop: Annotated[
        bool | None,
        Flag(words="Compare only the region of faces in FFHQ; by default as the protocol does."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """A path length.

    Attributes:
        crop: Compare only the region of faces in FFHQ.
        rule: See `shrink_factor`.
        num: Number of pairs of codes, one step apart.
        psi: Truncation strength; the papers' figures have none, 1.
        class_name: Name or index of the class; None draws one for each pair.
    """

    space: Space = "w"
    sampling: Stretch = "full"
    crop: bool = False
    rule: ShrinkRule = "cropped"
    num: int = 10_000
    psi: float = 1.0
    class_name: str | None = None
    seed: int = 0


class Variant(NamedTuple):
    """Space and stretch of the steps, and whether images are cropped."""

    space: Space
    sampling: Stretch
    crop: bool


CROPPED = {
    Variant("z", "full", True): "ppl_zfull",
    Variant("w", "full", True): "ppl_wfull",
    Variant("z", "end", True): "ppl_zend",
    Variant("w", "end", True): "ppl_wend",
}
LATER = {**CROPPED, Variant("w", "end", False): "ppl2_wend"}


@dataclass(frozen=True, kw_only=True)
class PathProtocol:
    """A published way to measure path lengths.

    Attributes:
        names: Names of its variants.
        num: Number of pairs.
        rule: See `shrink_factor`.
    """

    names: dict[Variant, str]
    num: int
    rule: ShrinkRule = "cropped"


PROTOCOLS = {
    "stylegan1": PathProtocol(names=CROPPED, num=100_000),
    "stylegan2": PathProtocol(names=LATER, num=50_000),
    "ada": PathProtocol(names=LATER, num=50_000, rule="whole"),
}


def variants(protocol: str | None, *, has_w: bool) -> tuple[Variant, ...]:
    """Return all path lengths of a protocol; without one those of whole paths in each space.

    Args:
        protocol: A known one.
        has_w: Whether the network has a w.
    """
    usual = (Variant("w", "full", False), Variant("z", "full", False))
    known = usual if protocol is None else tuple(PROTOCOLS[protocol].names)
    return tuple(variant for variant in known if has_w or variant.space == "z")


def path_options(
    protocol: str | None,
    *,
    space: Space,
    sampling: Stretch,
    crop: bool | None = None,
    num: int | None = None,
) -> PathOptions:
    """Return the options of a path length, the rest as the protocol has it.

    Args:
        crop: None crops as the protocol does; without a protocol, not at all.
        num: None takes the protocol's; without a protocol, 5,000.

    Raises:
        UsageError: There is no such protocol, or it has no such variant.
    """
    if protocol is None:
        return PathOptions(space=space, sampling=sampling, crop=bool(crop), num=num or USUAL_NUM)
    if protocol not in PROTOCOLS:
        known = meant_or_all(protocol, PROTOCOLS)
        raise UsageError(f"`protocol={protocol}`: no such protocol{known}")
    way = PROTOCOLS[protocol]
    if crop is None:
        crop = Variant(space, sampling, False) not in way.names
    if Variant(space, sampling, crop) not in way.names:
        raise UsageError(
            f"`crop={crop}`: `protocol={protocol}` has no such path length in {space}, {sampling}; "
            f"it has {', '.join(way.names.values())}"
        )
    return PathOptions(space=space, sampling=sampling, crop=crop, rule=way.rule, num=num or way.num)


def path_name(options: PathOptions, detector: str) -> str:
    """Return the name of a path length: the published one only where it is that number."""
    from stylegan_cli.detectors import is_standard

    variant = Variant(options.space, options.sampling, options.crop)
    counts = {way.num for way in PROTOCOLS.values()}
    untouched = options.psi == 1 and options.class_name is None and options.num in counts
    if is_standard(detector, "distance") and untouched and variant in LATER:
        return LATER[variant]
    crop = "_crop" if options.crop else ""
    psi = f"_psi{options.psi:g}" if options.psi != 1 else ""
    return f"ppl_{detector}_{options.space}_{options.sampling}{crop}{psi}"
