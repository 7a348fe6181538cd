"""Keys that a recipe leaves to the tool by the value "auto", and the values chosen for them.

Batch, widths, learning rate, averaging and R1 are the `auto` preset of [ADA]. A CPU gets smaller
values where those of a GPU would take weeks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import NamedTuple

from stylegan_cli.recipe import families
from stylegan_cli.recipe.sections import Settled
from stylegan_cli.sizes import Size, parse_size

AUTO = "auto"
SMALLEST_BASE = 32
"""Feature maps at full resolution on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Hardware of a run.

    Attributes:
        processes: One for each device.
        settled: Values, by dotted key, with which the run began in an earlier session; they stay.
    """

    processes: int = 1
    has_gpu: bool = True
    settled: Mapping[str, object] = field(default_factory=dict)


class Choice(NamedTuple):
    """The value chosen for a key, and the reason."""

    value: object
    why: str


@dataclass(frozen=True, kw_only=True)
class _Facts:
    size: Size
    batch_size: int
    machine: Machine
    adapts_network: bool
    """Trains with ADA from the weights of a network."""
    gamma_at_256: float | None
    """Weight of R1 at 256 px, where the family has its own rule."""


def choices(values: Mapping[str, object], machine: Machine) -> dict[str, Choice]:
    """Choose a value for each key that is "auto".

    Keys that depend on an invalid value are left out.

    Args:
        values: By dotted key; the defaults of the sections hold for all others.
    """
    wanted = [key for key, value in values.items() if value == AUTO and key in _RULES]
    return {key: choice for key in wanted if (choice := _choose(key, values, machine)) is not None}


def can_be_automatic(key: str) -> bool:
    """Return whether a key may be "auto"."""
    return key in _RULES


def _choose(key: str, values: Mapping[str, object], machine: Machine) -> Choice | None:
    if key in machine.settled:
        return Choice(machine.settled[key], "as the run began")
    resolution = values.get("data.resolution", Settled().data.resolution)
    found = parse_size(resolution) if isinstance(resolution, int | str) else None
    if found is None or not found.is_possible:
        return None
    size = values.get("train.batch_size", Settled().train.batch_size)
    if size == AUTO:
        size = machine.settled.get("train.batch_size", _batch_size(found, machine).value)
    if type(size) is not int or size < 1:
        return None
    adapts = values.get("augment.mode") == "ada" and values.get("init.network") is not None
    return _RULES[key](
        _Facts(
            size=found,
            batch_size=size,
            machine=machine,
            adapts_network=adapts,
            gamma_at_256=families.keys_of(values.get("generator.family")).gamma_at_256,
        )
    )


def _batch_size(size: Size, machine: Machine) -> Choice:
    processes, most = machine.processes, 32 if machine.has_gpu else 16
    kind = "GPU" if machine.has_gpu else "CPU process"
    return Choice(
        max(min(processes * min(4096 // isqrt(size.area), most), 64), processes),
        f"{processes} × 4096 / resolution, at most {most} a {kind} and 64 in all",
    )


def _channel_base(facts: _Facts) -> Choice:
    base = 32_768 if facts.size.level >= 512 else 16_384
    if facts.machine.has_gpu:
        return Choice(base, "twice as wide from 512 px on")
    return Choice(min(base, SMALLEST_BASE * facts.size.level), "thin, for a CPU")


def _learning_rate(facts: _Facts) -> Choice:
    return Choice(0.002 if facts.size.level >= 1024 else 0.0025, "0.002 at 1024 px, 0.0025 below")


def _r1_gamma(facts: _Facts) -> Choice:
    gamma, area = facts.gamma_at_256, facts.size.area
    if gamma is not None:
        return Choice(gamma * area / 256**2, f"{gamma:g} at 256 px, by the number of pixels")
    return Choice(0.0002 * area / facts.batch_size, "0.0002 · resolution² / batch_size")


def _total_kimg(facts: _Facts) -> Choice:
    if facts.machine.has_gpu:
        return Choice(25_000.0, "as in the papers; stop when the images are good")
    return Choice(200.0, "hours on two CPU cores at 64 px")


def _mbstd_group_size(facts: _Facts) -> Choice:
    part = facts.batch_size // facts.machine.processes
    return Choice(max(1, min(part, 4)), "4, or a device's part of the batch")


def _ada_kimg(facts: _Facts) -> Choice:
    return Choice(100.0 if facts.adapts_network else 500.0, "500, or 100 from a trained network")


_RULES: Mapping[str, Callable[[_Facts], Choice]] = {
    "train.batch_size": lambda facts: _batch_size(facts.size, facts.machine),
    "train.lr_g": _learning_rate,
    "train.lr_d": _learning_rate,
    "train.ema_kimg": lambda facts: Choice(facts.batch_size * 10 / 32, "batch_size · 10 / 32"),
    "train.total_kimg": _total_kimg,
    "generator.channel_base": _channel_base,
    "generator.mapping_layers": lambda _: Choice(2, "2 at every size"),
    "discriminator.mbstd_group_size": _mbstd_group_size,
    "loss.r1_gamma": _r1_gamma,
    "augment.ada_kimg": _ada_kimg,
}
"""[ADA], the preset `auto` of its published program."""
