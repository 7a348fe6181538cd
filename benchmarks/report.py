"""A case's times as JSON and as plain text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.cases import Case
from benchmarks.contender import STEPS, Contender
from benchmarks.timing import Summary, Times, summary

COLUMNS = (*STEPS, "iteration")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one case gave.

    Attributes:
        left_out: Why peers are missing, by name.
    """

    case: Case
    contenders: Sequence[Contender]
    times: Mapping[str, Times]
    left_out: Mapping[str, str]

    def summaries(self) -> dict[str, Summary]:
        """By name of the contender."""
        return {name: summary(times, self.case.batch_size) for name, times in self.times.items()}


def as_json(result: Result) -> dict[str, object]:
    """Everything: every sample, the medians, and the ratios of the printed table."""
    case, summaries = result.case, result.summaries()
    return {
        "case": case.name,
        "resolution": case.resolution,
        "channel_base": case.recipe.generator.channel_base,
        "channel_max": case.channel_max,
        "batch_size": case.batch_size,
        "pl_batch_size": case.pl_batch_size,
        "contenders": {
            c.name: {
                "differs": c.differs,
                "parameters": dict(c.parameters),
                **asdict(summaries[c.name]),
                "samples": result.times[c.name],
                "times_as_long_as": {
                    own: _ratios(summaries[c.name], summaries[own])
                    for own in ("ours fp32", "ours bf16")
                },
            }
            for c in result.contenders
        },
        "left_out": dict(result.left_out),
    }


def as_text(result: Result) -> str:
    """Tables of milliseconds and of ratios, and notes."""
    case, summaries = result.case, result.summaries()
    rounds = len(next(iter(result.times.values()))[STEPS[0]])
    head = (
        f"{case.name}: {case.resolution} px, channel_base "
        f"{case.recipe.generator.channel_base}, channel_max {case.channel_max}, batch "
        f"{case.batch_size} (Greg {case.pl_batch_size}), medians of {rounds} rounds"
    )
    return "\n".join(
        [
            head,
            "",
            *_table("ms", [*COLUMNS, "img/s gen", "s/kimg"], _time_rows(summaries)),
            "",
            *_ratio_table("ours fp32", summaries),
            "",
            *_ratio_table("ours bf16", summaries),
            "",
            *_notes(result),
            "",
        ]
    )


def _ratios(slow: Summary, fast: Summary) -> dict[str, float]:
    return {step: slow.seconds[step] / fast.seconds[step] for step in COLUMNS}


def _time_rows(summaries: Mapping[str, Summary]) -> dict[str, list[str]]:
    return {
        name: [
            *(f"{one.seconds[step] * 1000:.0f}" for step in COLUMNS),
            f"{one.images_per_second:.1f}",
            f"{one.seconds_per_kimg:.1f}",
        ]
        for name, one in summaries.items()
    }


def _ratio_table(own: str, summaries: Mapping[str, Summary]) -> list[str]:
    rows = {
        name: [f"{ratio:.2f}×" for ratio in _ratios(one, summaries[own]).values()]
        for name, one in summaries.items()
        if name != own
    }
    return _table(f"time / {own}", COLUMNS, rows)


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    lines = {corner: columns, **rows}
    return [
        f"{name:<18}" + "".join(f"{value:>10}" for value in values)
        for name, values in lines.items()
    ]


def _notes(result: Result) -> list[str]:
    sizes = [
        f"{c.name}: G {c.parameters['G'] / 1e6:.2f} M, D {c.parameters['D'] / 1e6:.2f} M parameters"
        + (f"; {c.differs}" if c.differs else "")
        for c in result.contenders
    ]
    return [*sizes, *(f"{name} left out: {why}" for name, why in result.left_out.items())]
