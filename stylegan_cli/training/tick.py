"""What a run tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stylegan_cli.training.alarms import Alarm
from stylegan_cli.training.transfer import Transfer


@dataclass(frozen=True, kw_only=True)
class Tick:
    """News of a run: at the start of a session, then every `report.tick_kimg`.

    Attributes:
        stats: The new line of `stats.jsonl`; empty at the start of a session.
        files: Pictures and networks written since the last tick.
        seconds: Time spent so far, over all sessions.
        is_due: The network written with it is to be measured.
        metrics: What was measured, in a tick of its own that follows, without `stats`.
        transfer: In the first tick of a run that starts from a trained network.
        alarms: What came up since the last tick, in the first process only.
    """

    kimg: float
    total_kimg: float
    stats: Mapping[str, int | float]
    files: tuple[Path, ...]
    seconds: float
    is_due: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    transfer: Transfer | None = None
    alarms: tuple[Alarm, ...] = ()
