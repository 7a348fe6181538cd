"""Warnings about a run, each given once when it comes up and again only after it had gone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Stats = Mapping[str, int | float]
"""The numbers of a tick, as in its line of `stats.jsonl`."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something that goes wrong in a run.

    Attributes:
        message: What is seen, its numbers, what to try.
        is_fatal: More of the same training will not mend it.
    """

    name: str
    message: str
    is_fatal: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a number of a tick is too large, and the words for it.

    Attributes:
        value: The number that is judged; None where the tick does not tell it.
        raised_from: The alarm is raised where the value reaches this,
        cleared_below: and can only come again after one that is below this.
        ticks: So many in a row have to reach it.
        words: The message, from the numbers of the tick.
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
    """Judges each tick by rules and remembers what was said.

    Attributes:
        counts: By the rule's name, how many ticks in a row reached its threshold; no entry while
            the value is harmless.
    """

    rules: Sequence[Rule]
    counts: dict[str, int] = field(default_factory=dict)

    def judge(self, stats: Stats) -> list[Alarm]:
        """The alarms that come up with this tick."""
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
