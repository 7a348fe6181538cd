"""From numbers to places on a chart: ranges worth seeing, round ticks, how a number reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

OUTER_SHARE = 0.02
"""Of the values, so many at either end may lie outside the chart."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A straight line from values to coordinates; values outside end at the edge."""

    low: float
    high: float
    start: int
    end: int

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Round numbers within the range, about so many."""
        step = _round_step((self.high - self.low) / about)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return tuple(i * step for i in range(first, last + 1))


def worth_seeing(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value to show: of all, or without a few that are far from the others.

    Zero is shown where it is near.
    """
    ordered = sorted(values)
    outer = int(len(ordered) * OUTER_SHARE)
    inner_low, inner_high = ordered[outer], ordered[-1 - outer]
    room = (inner_high - inner_low) or max(abs(inner_high), 1e-6)
    low = max(ordered[0], inner_low - room)
    high = min(ordered[-1], inner_high + room)
    if 0 < low < high / 2:
        low = 0.0
    if high == low:
        return low - room / 2, high + room / 2
    return low, high


def number(value: float) -> str:
    """A number short enough for a chart: three digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _round_step(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    factor: int = next(factor for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
    return factor * power
