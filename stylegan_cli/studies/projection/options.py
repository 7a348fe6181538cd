"""The options of a projection, and their values settled for a network."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.labels import class_index
from stylegan_cli.latents.references import Pick, parse_picks
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network

DistanceName = Literal["lpips", "lpips+l2"]
SpaceName = Literal["w", "w+", "w-delta", "s", "z", "noise"]
NoiseHandling = Literal["optimise", "const", "none"]
ProtocolName = Literal["stylegan2"]
AUTO = "auto"

SMALLEST = 32
"""Side below which pictures are enlarged before a detector looks."""
PIXEL_WEIGHT = 0.5
PRIORS = {"w": 0.005, "w+": 0.02, "w-delta": 0.1, "s": 0.02, "z": 0.0, "noise": 0.0}
"""Weight of the usual pull towards what the network draws."""

STEPS, PUBLISHED_STEPS = 500, 1000
CANDIDATES, MOST_CANDIDATES = 1000, 100_000
MOST_STEPS, MOST_RESTARTS = 100_000, 64


@dataclass(frozen=True, kw_only=True)
class Start:
    """Start of the search for each picture.

    Attributes:
        best_of: Among so many random codes; 0 begins at the mean of W.
        picks: Codes instead: one for all pictures, or one for each.
    """

    best_of: int = 0
    picks: tuple[Pick, ...] = ()

    def __str__(self) -> str:
        if self.picks:
            return ",".join(
                str(pick) if isinstance(pick, int) else pick.text for pick in self.picks
            )
        return f"best-of:{self.best_of}" if self.best_of else "mean"


def parse_start(text: str) -> Start:
    """Parse a start: `mean`, `best-of:1000`, a seed or a file of codes.

    Raises:
        UsageError: It is none of these.
    """
    if text == "mean":
        return Start()
    if match := re.fullmatch(r"best-of:(\d+)", text, re.ASCII):
        if not 1 <= int(match[1]) <= MOST_CANDIDATES:
            raise UsageError(
                f"choose among 1 to {MOST_CANDIDATES:,} codes", parameter="init", value=text
            )
        return Start(best_of=int(match[1]))
    if text.startswith("best-of"):
        raise UsageError("write for example best-of:1000", parameter="init", value=text)
    return Start(picks=parse_picks(text, parameter="init"))


@dataclass(frozen=True, kw_only=True)
class ProjectionOptions:
    """Options of a projection; None means a default that depends on the network.

    Attributes:
        space: One w for all layers, one for each, one with a small difference in each layer, one
            for each and an offset for each style channel ("s"), or z; "noise" leaves codes at
            their start and finds noise maps alone.
        noise: Maps are found together with the code, or are the network's own, or none.
        init: Start of the search, as `parse_start` reads it.
        restarts: Further beginnings, of which the most promising goes on after a fifth.
        distance: LPIPS alone, or with the mean squared difference beside it.
        prior: Weight of the pull towards what the network draws; 0 searches W without whitening.
        class_name: Name or index of the class; "auto" takes the one that comes nearest.
        protocol: "stylegan2" is [SG2] appendix D to the letter, in one w for all layers.
    """

    space: SpaceName | None = None
    steps: int | None = None
    noise: NoiseHandling | None = None
    init: str | None = None
    restarts: int = 1
    distance: DistanceName | None = None
    prior: float | None = None
    class_name: str | None = None
    seed: int = 0
    protocol: ProtocolName | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Options with every value settled.

    Attributes:
        keep_best: The best step counts, else the last.
    """

    space: SpaceName
    steps: int
    noise: NoiseHandling
    start: Start
    restarts: int
    pixel_weight: float
    prior: float
    class_index: int | None
    class_auto: bool
    seed: int
    keep_best: bool

    def request(self) -> dict[str, Any]:
        """Return the choices as a study's request holds them."""
        return {
            "space": self.space,
            "steps": self.steps,
            "noise": self.noise,
            "init": str(self.start),
            "restarts": self.restarts,
            "pixel_weight": self.pixel_weight,
            "prior": self.prior,
            "class": AUTO if self.class_auto else self.class_index,
            "seed": self.seed,
            "keep": "best" if self.keep_best else "last",
        }


def settle(network: Network, options: ProjectionOptions, detector: str) -> Choices:
    """Settle everything that the options leave open.

    Args:
        detector: Name of what measures LPIPS.

    Raises:
        UsageError: The network does not support one of them.
    """
    sizes, published = network.sizes, options.protocol == "stylegan2"
    space = _space(sizes, options)
    noise = options.noise or ("optimise" if sizes.has_noise else "none")
    if noise != "none" and not sizes.has_noise:
        raise UsageError(
            "this network has no noise inputs; leave `noise` out", parameter="noise", value=noise
        )
    if published and space != "w":
        raise UsageError(
            "`protocol=stylegan2` searches in w; leave one out", parameter="space", value=space
        )
    start = Start(best_of=0 if published else CANDIDATES)
    if options.init is not None:
        start = parse_start(options.init)
    steps = options.steps or (PUBLISHED_STEPS if published else STEPS)
    _check_range("steps", steps, MOST_STEPS)
    _check_range("restarts", options.restarts, MOST_RESTARTS)
    auto = options.class_name == AUTO and network.c_dim > 0 and not network.label_columns
    return Choices(
        space=space,
        steps=steps,
        noise=noise,
        start=start,
        restarts=options.restarts,
        prior=_prior(options, space),
        class_index=None if auto else class_index(network, options.class_name),
        class_auto=auto,
        seed=options.seed,
        keep_best=not published,
        pixel_weight=_pixel_weight(sizes, options, detector),
    )


def _check_range(parameter: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise UsageError(
            f"out of range; the valid range is 1-{most}", parameter=parameter, value=value
        )


def _space(sizes: Sizes, options: ProjectionOptions) -> SpaceName:
    space = options.space
    if space is None:
        if not sizes.has_w:
            return "z"
        return "w" if options.protocol or not sizes.has_styles else "w+"
    possible = sizes.has_noise and sizes.has_w and options.noise in (None, "optimise")
    problem = ""
    if space == "noise" and not possible:
        problem = (
            "finds noise maps alone: it needs a network with w and noise, and `noise=optimise`"
        )
    elif space not in ("noise", "z") and not sizes.has_w:
        problem = "this network makes images straight from z and has no w; take `space=z`"
    elif space in ("w-delta", "s") and not sizes.has_styles:
        problem = "this network has one code for all layers; take `space=w`"
    if problem:
        raise UsageError(problem, parameter="space", value=space)
    return space


def _prior(options: ProjectionOptions, space: SpaceName) -> float:
    prior, problem = options.prior, ""
    if prior is None:
        return 0.0 if options.protocol else PRIORS[space]
    if not (isfinite(prior) and prior >= 0):
        problem = "not a number from 0 up; 0.02 is the default for w+"
    elif space == "w-delta" and prior == 0:
        problem = "differences in each layer without it are `space=w+`; leave one out"
    elif prior and (space in ("z", "noise") or options.protocol):
        kind = "`protocol=stylegan2`" if options.protocol else f"`space={space}`"
        problem = f"{kind} has no prior; leave `prior` out"
    if problem:
        raise UsageError(problem, parameter="prior", value=prior)
    return prior


def _pixel_weight(sizes: Sizes, options: ProjectionOptions, detector: str) -> float:
    if options.distance is not None:
        return PIXEL_WEIGHT if options.distance == "lpips+l2" else 0.0
    # AlexNet alone lets plain areas take wrong colours
    helps = sizes.grown_size.shorter < SMALLEST or detector.startswith("alex")
    return PIXEL_WEIGHT if helps and not options.protocol else 0.0
