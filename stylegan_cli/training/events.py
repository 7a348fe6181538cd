"""Events of a run, as training yields them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stylegan_cli.training.alarms import Alarm
from stylegan_cli.training.transfer import Transfer
from stylegan_cli.training.trial import Threads


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The start of a session.

    Attributes:
        seconds: Training time of all sessions before.
        files: Pictures written at the start of a run.
        transfer: Weights taken over, where the run starts from a trained network.
    """

    kimg: float
    total_kimg: float
    seconds: float
    files: tuple[Path, ...] = ()
    transfer: Transfer | None = None
    threads: Threads | None = None
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """The end of an iteration."""

    kimg: float
    total_kimg: float


@dataclass(frozen=True, kw_only=True)
class Ticked:
    """The end of a tick, every `report.tick_kimg`.

    Attributes:
        stats: The new line of `stats.jsonl`.
        seconds: Training time so far, over all sessions.
        files: Pictures and networks written with it.
        alarms: Alarms of this tick, in the first process only.
        is_due: Its network is to be measured.
    """

    kimg: float
    total_kimg: float
    stats: Mapping[str, int | float]
    seconds: float
    files: tuple[Path, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    is_due: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network was measured; `values` by metric."""

    kimg: float
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class News:
    """Something that happened in the middle of a tick: alarms, files of a trace."""

    kimg: float
    alarms: tuple[Alarm, ...] = ()
    files: tuple[Path, ...] = ()


Event = Begun | Stepped | Ticked | Measured | News
