"""A case's times as JSON and as tables of Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.peers import Peer
from benchmarks.roofline import MACHINE, Speed, Work, rates, speeds
from stylegan_cli.benchmark.measuring import GENERATE, Result
from stylegan_cli.benchmark.summary import ITERATION, Summary, record, summaries

PLAIN = "ref fp32"
"""The contender that others are compared with, if it fits into memory."""


WorkOf = Mapping[str, Mapping[str, Work]]
"""Work by contender and step."""


def as_json(result: Result, there: Mapping[str, Peer], work: WorkOf) -> dict[str, Any]:
    """Return every sample, the medians, the roofline, and speeds beside the plain form."""
    found = summaries(result)
    return record(result) | {
        "peak": asdict(rates(result, work)),
        "roofline": {name: [asdict(s) for s in speeds(result, work, name)] for name in found},
        "times_as_fast_as": _baseline(found),
        "speed": {name: _speedups(one, found) for name, one in found.items()},
        "peers": {
            name: {"differs": peer.differs, "parameters": peer.parameters}
            for name, peer in there.items()
        },
    }


def as_text(result: Result, there: Mapping[str, Peer], work: WorkOf) -> str:
    """Return tables of speeds beside the plain form and of times, and notes."""
    found = summaries(result)
    speed = {name: speeds(result, work, name) for name in found}
    sections = (_speed_table(found, speed), _time_table(found), _notes(result, there, work))
    return "\n\n".join("\n".join(lines) for lines in ([_heading(result)], *sections)) + "\n"


def _heading(result: Result) -> str:
    case, rounds = result.case, len(next(iter(result.seconds[MACHINE].values())))
    section = case.recipe.generator
    return (
        f"{case.name}: {section.family}, {case.stage.level} px, channel_base "
        f"{section.channel_base}, channel_max {section.channel_max}, batch "
        f"{case.stage.batch_size}, medians of {rounds} rounds"
    )


def _baseline(found: Mapping[str, Summary]) -> str:
    return PLAIN if PLAIN in found else next(iter(found), "")


def _speedups(one: Summary, found: Mapping[str, Summary]) -> dict[str, float]:
    plain = found[_baseline(found)]
    return {step: plain.seconds[step] / seconds for step, seconds in one.seconds.items()}


def _speed_table(
    found: Mapping[str, Summary], roofline: Mapping[str, tuple[Speed, Speed]]
) -> Iterator[str]:
    shares = ("FLOP/s", "bytes/s", "roofline")
    columns = ("drawing", "img/s", *shares, "training", "s/kimg", *shares, "MiB")
    rows = {}
    for name, one in found.items():
        speed = _speedups(one, found)
        rows[name] = [
            f"{speed[GENERATE]:.2f}",
            f"{one.images_per_second:.1f}",
            *_percent(roofline[name][0]),
            f"{speed[ITERATION]:.2f}",
            f"{one.seconds_per_kimg:.1f}",
            *_percent(roofline[name][1]),
            f"{one.memory_bytes / 2**20:.0f}",
        ]
    return _table(f"times as fast as {_baseline(found)}", columns, rows)


def _time_table(found: Mapping[str, Summary]) -> Iterator[str]:
    steps = list(next(iter(found.values())).seconds)
    rows = {
        name: [f"{one.seconds[step] * 1000:.0f}" for step in steps] for name, one in found.items()
    }
    return _table("ms", steps, rows)


def _percent(speed: Speed) -> list[str]:
    return [f"{share:.0%}" for share in (speed.flops, speed.bytes, speed.roofline)]


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join([corner, *columns])} |"
    yield "|---" * (1 + len(columns)) + "|"
    for name, values in rows.items():
        yield f"| {' | '.join([name, *values])} |"


def _notes(result: Result, there: Mapping[str, Peer], work: WorkOf) -> Iterator[str]:
    limits = rates(result, work)
    peaks = [f"{flops / 1e9:.0f} GFLOP/s {dtype}" for dtype, flops in limits.flops.items()]
    yield f"machine: {', '.join(peaks)}, {limits.bytes / 1e9:.1f} GB/s"
    for name, peer in there.items():
        g, d = (peer.parameters[network] / 1e6 for network in "GD")
        yield f"{name}: G {g:.2f} M, D {d:.2f} M parameters; {peer.differs}"
    for name, why in result.left_out.items():
        yield f"{name} left out: {why}"
