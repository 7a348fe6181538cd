"""Alarms of a run, each raised once, and again only after its cause had gone."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stylegan_cli.recipe import Settled
from stylegan_cli.runtime import cores

Stats = Mapping[str, int | float]
"""Numbers of a tick, as in its line of `stats.jsonl`."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A problem of a run.

    Attributes:
        message: The symptom, its numbers and a remedy.
        is_fatal: More of the same training will not help.
    """

    name: str
    message: str
    is_fatal: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A bound for a number of a tick, and the alarm raised there.

    Attributes:
        value: The number to judge; None if the tick does not have it.
        cleared_below: The alarm can be raised again only after a value below this.
        ticks: Number of ticks in a row that have to reach the bound.
        words: Makes the message from the numbers of the tick.
    """

    name: str
    value: Callable[[Stats], float | None]
    raised_from: float
    cleared_below: float
    ticks: int = 1
    is_fatal: bool = False
    words: Callable[[Stats], str]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Rules applied to each tick, with a memory of the alarms raised.

    Attributes:
        counts: Number of ticks in a row that reached a rule's bound, by its name; no entry while
            the value is harmless.
    """

    rules: Sequence[Rule]
    counts: dict[str, int] = field(default_factory=dict)

    def judge(self, stats: Stats) -> list[Alarm]:
        """Return the alarms that this tick raises."""
        return [
            Alarm(name=rule.name, message=rule.words(stats), is_fatal=rule.is_fatal)
            for rule in self.rules
            if self._comes_up(rule, rule.value(stats))
        ]

    def _comes_up(self, rule: Rule, value: int | float | None) -> bool:
        if value is None:
            return False
        count = self.counts.get(rule.name, 0)
        if value >= rule.raised_from:
            self.counts[rule.name] = count + 1
            return count + 1 == rule.ticks
        if value < rule.cleared_below or count < rule.ticks:
            self.counts.pop(rule.name, None)
        return False


LARGEST_SCORE = {"logistic": 50.0, "wgan": 5000.0}
"""Mean score of D in a tick, by loss."""


SLOW, BEARABLE = 2.5, 1.5
"""Times the pace of the first tick from which a tick is slow, and below which all is well again."""
SHORTEST = 20.0
"""Seconds of a tick below which its pace says little."""


def rules(recipe: Settled, threads: int | None = None) -> tuple[Rule, ...]:
    """Return the rules for a session of this recipe.

    Args:
        threads: Of the run, on a CPU.
    """
    # a Wasserstein critic's scores have no zero between real and fake
    logistic = recipe.loss.adversarial == "logistic"
    return (
        _divergence(recipe),
        *([_overfitting(recipe)] if logistic else []),
        _COLLAPSE,
        _MEMORISATION,
        _COLLAPSED_MAPPING,
        _DEAD_W,
        _LEAK,
        _slowness(recipe, threads),
    )


def _divergence(recipe: Settled) -> Rule:
    most = LARGEST_SCORE[recipe.loss.adversarial]
    lr, gamma = recipe.train.lr_g, recipe.loss.r1_gamma
    return Rule(
        name="divergence",
        value=lambda stats: max(abs(stats["score_real"]), abs(stats["score_fake"])),
        raised_from=most,
        cleared_below=most / 2,
        ticks=2,
        is_fatal=True,
        words=lambda stats: (
            f"the scores of D diverge: {stats['score_real']:.3g} on reals, "
            f"{stats['score_fake']:.3g} on fakes. Try a lower learning rate than {lr:g} "
            f"(`train.lr_g=…` `train.lr_d=…`) or a larger loss.r1_gamma than {gamma}"
        ),
    )


def _overfitting(recipe: Settled) -> Rule:
    remedy = "more images"
    if recipe.augment.mode == "none":
        remedy = f"`augment.mode=ada`, or {remedy}"
    if not recipe.data.mirror:
        remedy += ", or `data.mirror=true` if left and right do not matter"
    return Rule(
        name="overfitting",
        value=lambda stats: stats.get("r_t"),
        raised_from=0.92,
        cleared_below=0.87,
        ticks=3,
        words=lambda stats: (
            f"D overfits: it recognizes nearly all training images, r_t {stats['r_t']:.2f} (1 is "
            f"all, [ADA] aims at 0.6), scores {stats['score_real'] - stats['score_fake']:.1f} "
            "apart; G learns less and less. "
            f"Try {remedy}"
        ),
    )


_COLLAPSE = Rule(
    name="collapse",
    value=lambda stats: _shortfall(stats, "diversity"),
    raised_from=0.85,
    cleared_below=0.75,
    ticks=2,
    is_fatal=True,
    words=lambda stats: (
        f"G's images are nearly the same: they differ {stats['diversity']:.2f} times as much as "
        "training images do. Go back to an earlier network; try a larger loss.r1_gamma or a lower "
        "train.lr_g"
    ),
)
_MEMORISATION = Rule(
    name="memorisation",
    value=lambda stats: _shortfall(stats, "nearest_ratio"),
    raised_from=0.5,
    cleared_below=0.3,
    ticks=2,
    words=lambda stats: (
        f"G's images are {stats['nearest_ratio']:.2f} times as far from the nearest training image "
        "as those are from each other: it makes copies, which `sgtool eval nearest` shows. Take an "
        "earlier network; try more images, `augment.mode=ada` or a smaller "
        "generator.channel_base"
    ),
)
_COLLAPSED_MAPPING = Rule(
    name="collapsed mapping",
    value=lambda stats: _shortfall(stats, "w_spread"),
    raised_from=0.9,
    cleared_below=0.8,
    ticks=2,
    is_fatal=True,
    words=lambda stats: (
        f"w is nearly the same for every z: it varies by {stats['w_spread']:.3f} of its size, "
        "0.5 to 0.8 is usual. Try fewer generator.mapping_layers, or a lower train.lr_g or "
        "generator.mapping_lr_multiplier"
    ),
)
_DEAD_W = Rule(
    name="dead w",
    value=lambda stats: stats.get("w_dead"),
    raised_from=0.25,
    cleared_below=0.15,
    ticks=2,
    words=lambda stats: (
        f"{stats['w_dead']:.0%} of the numbers in w are the same for every z. Try a smaller "
        "generator.w_dim, or fewer generator.mapping_layers"
    ),
)
_LEAK = Rule(
    name="leaking augmentations",
    value=lambda stats: stats.get("augment_p"),
    raised_from=0.8,
    cleared_below=0.7,
    words=lambda stats: (
        f"D's images are augmented with probability {stats['augment_p']:.2f}; from 0.8 on, G may "
        "learn to make augmented images [ADA]. Look for rotated or tinted fakes; try "
        "more images or a higher augment.target"
    ),
)


def _shortfall(stats: Stats, name: str) -> float | None:
    return None if name not in stats else 1 - stats[name]


def _slowness(recipe: Settled, threads: int | None) -> Rule:
    # seconds per kimg of the first tick, by missing levels
    first: dict[int, float] = {}

    def times(stats: Stats) -> float | None:
        pace = stats.get("sec_per_kimg", 0.0)
        found = pace / (first.setdefault(int(stats.get("lod", 0)), pace) or 1)
        is_short = pace * recipe.report.tick_kimg < SHORTEST
        return None if found >= SLOW and is_short else found

    def words(stats: Stats) -> str:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        if load > 1.25 * cores():
            why = f"other programs use the processor (load {load:.1f} on {cores()} cores)"
            fewer = ", or resume the run with `threads=1`" if threads and threads > 1 else ""
            remedy = f"stop them{fewer}"
        else:
            why = f"but other programs are not the cause (load {load:.1f} on {cores()} cores)"
            remedy = "the machine may be hot, short of memory, or waiting for its disk"
        return f"this tick took {times(stats):.1f} times as long as the first, {why}; {remedy}"

    return Rule(name="slow", value=times, raised_from=SLOW, cleared_below=BEARABLE, words=words)
