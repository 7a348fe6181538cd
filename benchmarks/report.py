"""A case's times as JSON and as plain text."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contender import Peer
from stylegan_cli.benchmark.cases import Case
from stylegan_cli.benchmark.measuring import Result
from stylegan_cli.benchmark.record import record
from stylegan_cli.benchmark.summary import Speed, Summary, rates, summaries

OWN = ("auto fp32", "auto bf16")
"""The contenders that the others are compared with."""


def as_json(result: Result, there: Mapping[str, Peer]) -> dict[str, Any]:
    """Everything: every sample, the medians, and the ratios of the printed tables."""
    found = summaries(result)
    return record(result) | {
        "times_as_long_as": {
            own: {name: _ratios(one, found[own]) for name, one in found.items()}
            for own in OWN
            if own in found
        },
        "peers": {
            name: {"differs": peer.differs, "parameters": peer.parameters}
            for name, peer in there.items()
        },
    }


def as_text(result: Result, there: Mapping[str, Peer]) -> str:
    """Tables of milliseconds, of ratios and of shares of the machine's peaks, and notes."""
    found = summaries(result)
    ratios = [line for own in OWN if own in found for line in ["", *_ratio_table(own, found)]]
    return "\n".join(
        [
            _heading(result.case, rounds=len(next(iter(result.seconds["machine"].values())))),
            "",
            *_time_table(found),
            *ratios,
            "",
            *_share_table(found),
            "",
            *_notes(result, there),
            "",
        ]
    )


def _heading(case: Case, rounds: int) -> str:
    section = case.recipe.generator
    return (
        f"{case.name}: {case.recipe.generator.family}, {case.stage.resolution} px, channel_base "
        f"{section.channel_base}, channel_max {section.channel_max}, batch "
        f"{case.stage.batch_size}, medians of {rounds} rounds"
    )


def _ratios(slow: Summary, fast: Summary) -> dict[str, float]:
    return {step: slow.seconds[step] / fast.seconds[step] for step in slow.seconds}


def _time_table(found: Mapping[str, Summary]) -> list[str]:
    steps = list(next(iter(found.values())).seconds)
    rows = {
        name: [
            *(f"{one.seconds[step] * 1000:.0f}" for step in steps),
            f"{one.images_per_second:.1f}",
            f"{one.seconds_per_kimg:.1f}",
            f"{one.memory_bytes / 2**20:.0f}",
        ]
        for name, one in found.items()
    }
    return _table("ms", [*steps, "img/s gen", "s/kimg", "MiB"], rows)


def _ratio_table(own: str, found: Mapping[str, Summary]) -> list[str]:
    rows = {
        name: [f"{ratio:.2f}×" for ratio in _ratios(one, found[own]).values()]
        for name, one in found.items()
        if name != own
    }
    return _table(f"time / {own}", list(found[own].seconds), rows)


def _share_table(found: Mapping[str, Summary]) -> list[str]:
    shares = ("FLOP/s", "bytes/s", "roofline")
    columns = [f"{kind} {share}" for kind in ("gen", "train") for share in shares]
    rows = {
        name: [*_percent(one.generation), *_percent(one.training)] for name, one in found.items()
    }
    return _table("share of peak", columns, rows)


def _percent(speed: Speed) -> list[str]:
    return [f"{share:.0%}" for share in (speed.flops, speed.bytes, speed.roofline)]


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    lines = {corner: columns, **rows}
    return [
        f"{name:<20}" + "".join(f"{value:>16}" for value in values)
        for name, values in lines.items()
    ]


def _notes(result: Result, there: Mapping[str, Peer]) -> list[str]:
    limits = rates(result)
    assert limits is not None
    peaks = [f"{flops / 1e9:.0f} GFLOP/s {dtype}" for dtype, flops in limits.flops.items()]
    sizes = [
        f"{name}: G {peer.parameters['G'] / 1e6:.2f} M, D {peer.parameters['D'] / 1e6:.2f} M "
        f"parameters; {peer.differs}"
        for name, peer in there.items()
    ]
    return [
        f"machine: {', '.join(peaks)}, {limits.bytes / 1e9:.1f} GB/s",
        *sizes,
        *(f"{name} left out: {why}" for name, why in result.left_out.items()),
    ]
