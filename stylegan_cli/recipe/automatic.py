"""Keys that a recipe leaves to the tool by the value "auto", and what they come to.

Batch, widths, learning rate, averaging and R1 are the `auto` preset of [ADA]; what a CPU gets
differs where a GPU's values would take it weeks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stylegan_cli.recipe.sections import AugmentSection, LossSection, Settled

AUTO = "auto"
SMALLEST_BASE = 32
"""Feature maps at the full resolution that a CPU is given."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a run will have.

    Attributes:
        processes: One for each device.
        settled: What an earlier session of the same run came to, by dotted key; it stays.
    """

    processes: int = 1
    has_gpu: bool = True
    settled: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a key comes to, and why."""

    value: object
    why: str


@dataclass(frozen=True, kw_only=True)
class _Facts:
    resolution: int
    batch_size: int
    machine: Machine


def choices(values: Mapping[str, object], machine: Machine) -> dict[str, Choice]:
    """What the keys that are "auto" come to; those that hang on wrong values are left out.

    Args:
        values: By dotted key; what is not there has the default of the sections.
    """
    wanted = [key for key, value in values.items() if value == AUTO and key in _RULES]
    return {key: choice for key in wanted if (choice := _choose(key, values, machine)) is not None}


def can_be_automatic(key: str) -> bool:
    """Whether a key may have the value "auto" that is replaced by another."""
    return key in _RULES


def resolve(recipe: Settled) -> Settled:
    """The recipe with every default that follows another key decided.

    Weights that training starts from are averaged without a ramp-up, as in [ADA], and their
    images shown to D without a blur, as in [SG3].
    """
    starts_trained = recipe.init.network is not None
    return replace(
        recipe,
        train=replace(recipe.train, ema_rampup=0.0) if starts_trained else recipe.train,
        loss=_without_blur(recipe.loss) if starts_trained else recipe.loss,
        augment=_resolved_augment(recipe),
        discriminator=replace(
            recipe.discriminator,
            channel_base=recipe.discriminator.channel_base or recipe.generator.channel_base,
            channel_max=recipe.discriminator.channel_max or recipe.generator.channel_max,
        ),
    )


def ada_kimg(recipe: Settled) -> float:
    """How long p of ADA takes from 0 to 1; "auto" is 500 kimg, 100 from a network, as in [ADA]."""
    kimg = recipe.augment.ada_kimg
    if kimg == "auto":
        return 500.0 if recipe.init.network is None else 100.0
    return kimg


def _without_blur(loss: LossSection) -> LossSection:
    usual = LossSection()
    return replace(loss, blur_sigma=usual.blur_sigma, blur_fade_kimg=usual.blur_fade_kimg)


def _resolved_augment(recipe: Settled) -> AugmentSection:
    # elsewhere the key does nothing, and is refused with another value than its default
    if recipe.augment.mode != "ada":
        return recipe.augment
    return replace(recipe.augment, ada_kimg=ada_kimg(recipe))


def _choose(key: str, values: Mapping[str, object], machine: Machine) -> Choice | None:
    if key in machine.settled:
        return Choice(value=machine.settled[key], why="as the run began")
    resolution = values.get("data.resolution", Settled().data.resolution)
    if type(resolution) is not int or resolution < 1:
        return None
    size = values.get("train.batch_size", Settled().train.batch_size)
    if size == AUTO:
        facts = _Facts(resolution=resolution, batch_size=0, machine=machine)
        size = machine.settled.get("train.batch_size", _batch_size(facts).value)
    if type(size) is not int or size < 1:
        return None
    return _RULES[key](_Facts(resolution=resolution, batch_size=size, machine=machine))


def _batch_size(facts: _Facts) -> Choice:
    processes = facts.machine.processes
    most = 32 if facts.machine.has_gpu else 16
    each = min(4096 // facts.resolution, most)
    kind = "GPU" if facts.machine.has_gpu else "CPU process"
    return Choice(
        value=max(min(processes * each, 64), processes),
        why=f"{processes} × 4096 / resolution, at most {most} a {kind} and 64 in all",
    )


def _group_size(facts: _Facts) -> Choice:
    each = facts.batch_size // facts.machine.processes
    return Choice(value=max(1, min(each, 4)), why="4, or what a device has of a batch")


def _channel_base(facts: _Facts) -> Choice:
    base = 32_768 if facts.resolution >= 512 else 16_384
    why = "twice as wide from 512 px on"
    if not facts.machine.has_gpu:
        base, why = min(base, SMALLEST_BASE * facts.resolution), "thin, for a CPU"
    return Choice(value=base, why=why)


def _mapping_layers(_: _Facts) -> Choice:
    return Choice(value=2, why="2 at every size")


def _learning_rate(facts: _Facts) -> Choice:
    lr = 0.002 if facts.resolution >= 1024 else 0.0025
    return Choice(value=lr, why="0.002 at 1024 px, 0.0025 below")


def _ema_kimg(facts: _Facts) -> Choice:
    return Choice(value=facts.batch_size * 10 / 32, why="batch_size · 10 / 32")


def _r1_gamma(facts: _Facts) -> Choice:
    return Choice(
        value=0.0002 * facts.resolution**2 / facts.batch_size,
        why="0.0002 · resolution² / batch_size",
    )


def _total_kimg(facts: _Facts) -> Choice:
    if facts.machine.has_gpu:
        return Choice(value=25_000.0, why="as in the papers; a run can be ended when it is good")
    return Choice(value=200.0, why="hours on two CPU cores at 64 px")


_RULES: Mapping[str, Callable[[_Facts], Choice]] = {
    "train.batch_size": _batch_size,
    "train.lr_g": _learning_rate,
    "train.lr_d": _learning_rate,
    "train.ema_kimg": _ema_kimg,
    "train.total_kimg": _total_kimg,
    "generator.channel_base": _channel_base,
    "generator.mapping_layers": _mapping_layers,
    "discriminator.mbstd_group_size": _group_size,
    "loss.r1_gamma": _r1_gamma,
}
"""[ADA], the preset `auto` of its published program."""
