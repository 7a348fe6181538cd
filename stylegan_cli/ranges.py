"""Lists in text form, such as `0-15,20`, `-1:1:9` and `coarse,8-11`, and tuples."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from math import isfinite

from stylegan_cli.errors import UsageError, meant_or_all

SEEDS = range(2**32)
"""The seeds that `numpy.random.RandomState` accepts."""

MAX_COUNT = 1_000_000

_INTS = re.compile(r"(\d{1,4000})(-(\d{1,4000}))?", re.ASCII)
_OPEN_LAYERS = re.compile(r"(\d{1,4000})-", re.ASCII)
_LAYER_SIDES = {"coarse": (4, 8), "middle": (16, 32), "fine": (64, 2**62)}


def parse_ints(text: str, *, parameter: str = "seeds", valid: range = SEEDS) -> tuple[int, ...]:
    """Parse integers in a list such as `0-15,20`; order and repeats are kept.

    Args:
        parameter: Name of the argument, for the error message.
        valid: Permitted numbers.

    Raises:
        UsageError: The text is not such a list, or a number is not valid.
    """
    numbers: list[int] = []
    for part in _parts(text, parameter, example="0-15,20"):
        run = _parse_run(part, parameter, valid)
        _check_count(len(numbers) + len(run), text, parameter)
        numbers += run
    return tuple(numbers)


def parse_floats(text: str, *, parameter: str = "psi") -> tuple[float, ...]:
    """Parse numbers in a list such as `1,0.7,0` or START:STOP:COUNT, both ends included.

    Args:
        parameter: Name of the argument, for the error message.

    Raises:
        UsageError: The text is not such a list.
    """
    numbers: list[float] = []
    for part in _parts(text, parameter, example="1,0.7,0 or -1:1:9"):
        start, *span = part.split(":")
        if not span:
            numbers.append(float(_decimal(start, part, parameter)))
            continue
        if len(span) != 2:
            raise UsageError(
                "not START:STOP:COUNT; write for example -1:1:9", parameter=parameter, value=part
            )
        count = _sweep_count(span[1], part, parameter)
        _check_count(len(numbers) + count, text, parameter)
        first, last = (_decimal(number, part, parameter) for number in (start, span[0]))
        steps = count - 1
        numbers += [float((first * (steps - i) + last * i) / steps) for i in range(count)]
    return tuple(numbers)


def parse_points(
    text: str, size: int, *, parameter: str, most: int = MAX_COUNT
) -> tuple[tuple[float, ...], ...]:
    """Parse points in a list such as `0,0:0.5,0`, separated by colons.

    Args:
        size: Numbers in each point.
        parameter: Name of the argument, for the error message.
        most: Largest number of points.

    Raises:
        UsageError: The text is not such a list.
    """
    parts = [part.split(",") for part in text.split(":")]
    if len(parts) > most or any(len(part) != size for part in parts):
        points = "one point" if most == 1 else "points"
        example = ":".join([",".join(["0.5", "0"][:size])] * (1 if most == 1 else 2))
        raise UsageError(
            f"not {points} of {size} numbers each; write for example {example}",
            parameter=parameter,
            value=text,
        )
    return tuple(
        tuple(float(_decimal(number, text, parameter)) for number in part) for part in parts
    )


def parse_layers(text: str, sides: Sequence[int], *, parameter: str = "layers") -> tuple[int, ...]:
    """Parse layers in a list of `coarse`, `middle`, `fine`, `all`, `3`, `0-6`, `8-`; ascending.

    Coarse layers are of 4-8 px, middle ones of 16-32, fine ones of 64 and up.

    Args:
        sides: Side of each layer in pixels.
        parameter: Name of the argument, for the error message.

    Raises:
        UsageError: The text is not such a list, or there is no such layer.
    """
    layers: set[int] = set()
    for part in _parts(text, parameter, example="coarse, 0-6, 8- or all"):
        layers.update(_parse_layer_part(part, sides, parameter))
    return tuple(sorted(layers))


def layer_groups(sides: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the layers of `coarse`, `middle` and `fine`, without empty groups."""
    groups = {
        name: tuple(i for i, side in enumerate(sides) if low <= side <= high)
        for name, (low, high) in _LAYER_SIDES.items()
    }
    return {name: layers for name, layers in groups.items() if layers}


def format_ints(numbers: Iterable[int]) -> str:
    """Format numbers as the shortest list for `parse_ints`, such as `0-15,20`."""
    # in a run of neighbours, number − position is constant
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    return ",".join(_format_run([number for _, number in pairs]) for _, pairs in runs)


def _parts(text: str, parameter: str, *, example: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        found = "an empty list" if not text.strip() else f"nothing between commas in {text!r}"
        raise UsageError(f"{found}; write for example {example}", parameter=parameter)
    return parts


def _parse_run(part: str, parameter: str, valid: range) -> range:
    match = _INTS.fullmatch(part)
    if match is None:
        why = "not a whole number or range; write for example 0-15,20"
        if re.fullmatch(r"-\d+", part):
            why = f"a negative number is out of range; {_describe(valid)}"
        raise UsageError(why, parameter=parameter, value=part)
    first, last = int(match[1]), int(match[3] or match[1])
    if last < first:
        raise UsageError(
            f"the range runs backwards; write {last}-{first}", parameter=parameter, value=part
        )
    for number in (first, last):
        if number not in valid:
            raise UsageError(
                f"{number} is out of range; {_describe(valid)}", parameter=parameter, value=part
            )
    return range(first, last + 1)


def _describe(valid: range) -> str:
    if not valid:
        return "nothing can be chosen here"
    return f"the valid range is {valid[0]}-{valid[-1]}"


def _check_count(count: int, text: str, parameter: str) -> None:
    if count > MAX_COUNT:
        raise UsageError(
            f"{count:,} numbers are too many; ask for at most {MAX_COUNT:,} at once",
            parameter=parameter,
            value=text,
        )


def _decimal(number: str, part: str, parameter: str) -> Decimal:
    # decimals, so that 0:1:11 has the same 0.3 as the list 0,0.1,0.2,0.3,…
    try:
        value = Decimal(number)
    except InvalidOperation:
        raise UsageError(
            "not a number; write for example 1,0.7,0 or -1:1:9", parameter=parameter, value=part
        ) from None
    if value.is_nan() or not isfinite(float(value)):
        raise UsageError(
            "not a finite number; write for example 1,0.7,0", parameter=parameter, value=part
        )
    return value


def _sweep_count(count: str, part: str, parameter: str) -> int:
    if not re.fullmatch(r"\d{1,4000}", count, re.ASCII):
        raise UsageError(
            "COUNT is not a whole number; write for example -1:1:9", parameter=parameter, value=part
        )
    if int(count) < 2:
        raise UsageError(
            f"COUNT is {count}; both ends need at least 2", parameter=parameter, value=part
        )
    return int(count)


def _parse_layer_part(part: str, sides: Sequence[int], parameter: str) -> Sequence[int]:
    every = range(len(sides))
    if part == "all":
        return every
    if part in _LAYER_SIDES:
        return _named_layers(part, sides, parameter)
    if _OPEN_LAYERS.fullmatch(part):
        _parse_run(part[:-1], parameter, every)
        return every[int(part[:-1]) :]
    if part[0].isalpha():
        lead = meant_or_all(part, ("all", *_LAYER_SIDES, "0-6", "8-"), offer="write for example")
        raise UsageError(f"no such group of layers{lead}", parameter=parameter, value=part)
    return _parse_run(part, parameter, every)


def _named_layers(name: str, sides: Sequence[int], parameter: str) -> tuple[int, ...]:
    groups = layer_groups(sides)
    if name not in groups:
        low, _ = _LAYER_SIDES[name]
        raise UsageError(
            f"this network has no layers from {low} px, its finest are "
            f"{sides[-1]} px; {_describe(range(len(sides)))}",
            parameter=parameter,
            value=name,
        )
    return groups[name]


def _format_run(run: Sequence[int]) -> str:
    # two neighbours with a comma are as short and read better
    return f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run))
