"""Which path lengths were published under which names, and what others are called."""

from dataclasses import dataclass
from typing import NamedTuple

from stylegan_cli.detectors import is_standard
from stylegan_cli.errors import UsageError
from stylegan_cli.metrics.path_length import ShrinkRule, Space, Stretch
from stylegan_cli.metrics.steps import PathOptions
from stylegan_cli.spelling import meant_or_all

USUAL_NUM = 5_000


class Variant(NamedTuple):
    """Where steps are taken, and what of the images is compared."""

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
        names: Of its variants.
        num: Pairs.
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
    """All path lengths that a protocol has; without one those of whole paths in each space.

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
    """What is measured where some of it is left to the protocol.

    Args:
        crop: None crops where the protocol does, without one nowhere.
        num: None takes the protocol's, without one 5,000.

    Raises:
        UsageError: There is no such protocol, or it has no such variant.
    """
    if protocol is None:
        return PathOptions(space=space, sampling=sampling, crop=bool(crop), num=num or USUAL_NUM)
    if protocol not in PROTOCOLS:
        known = meant_or_all(protocol, PROTOCOLS)
        raise UsageError(f"--protocol {protocol}: no such protocol{known}")
    way = PROTOCOLS[protocol]
    if crop is None:
        crop = Variant(space, sampling, False) not in way.names
    if Variant(space, sampling, crop) not in way.names:
        raise UsageError(
            f"--no-crop: --protocol {protocol} has no such path length in {space}, {sampling}; "
            f"it has {', '.join(way.names.values())}"
        )
    return PathOptions(space=space, sampling=sampling, crop=crop, rule=way.rule, num=num or way.num)


def path_name(options: PathOptions, detector: str) -> str:
    """What a path length is called: its published name only where it is that number."""
    variant = Variant(options.space, options.sampling, options.crop)
    counts = {way.num for way in PROTOCOLS.values()}
    untouched = options.psi == 1 and options.class_name is None and options.num in counts
    if is_standard(detector, "distance") and untouched and variant in LATER:
        return LATER[variant]
    crop = "_crop" if options.crop else ""
    psi = f"_psi{options.psi:g}" if options.psi != 1 else ""
    return f"ppl_{detector}_{options.space}_{options.sampling}{crop}{psi}"
