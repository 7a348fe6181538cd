"""Labels that are typed: a class, or numbers such as `0.3,0.7`, `smile=0.5` or `smile=0:1:5`."""

import re
from collections.abc import Sequence
from math import isfinite

import numpy as np
from jaxtyping import Float32

from stylegan_cli.errors import UsageError, meant, meant_or_all
from stylegan_cli.networks.header import Header
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import parse_floats

_PART = re.compile(r"(?:(?P<name>.+)=)?(?P<numbers>[^=]+)")
FORM = "write 0.3,0.7 or smile=0.3,age=0.7"


def expand_labels(text: str) -> tuple[str, ...]:
    """Return the labels that a text stands for; START:STOP:COUNT in it are a number each time.

    Several such sweeps go along together: `a=0:1:5,b=1:0:5` is five labels.
    """
    columns: list[list[str]] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"not a label; {FORM}", parameter="label", value=text)
        name = f"{match['name']}=" if match["name"] else ""
        numbers = parse_floats(match["numbers"], parameter="label")
        columns.append([f"{name}{number!r}" for number in numbers])
    count = max(map(len, columns))
    if any(len(column) not in (1, count) for column in columns):
        lengths = ", ".join(str(len(column)) for column in columns)
        raise UsageError(f"sweeps of different lengths: {lengths}", parameter="label", value=text)
    rows = (column * (count // len(column)) for column in columns)
    return tuple(",".join(row) for row in zip(*rows, strict=True))


def parse_label(network: Network, text: str) -> Float32[np.ndarray, " c_dim"]:
    """Return a label of a network: all its numbers, or some by name beside the usual ones."""
    if not network.c_dim:
        raise UsageError("the network has no labels; leave it out", parameter="label", value=text)
    labels = expand_labels(text)
    if len(labels) > 1:
        raise UsageError(
            f"{len(labels)} labels, and one is wanted; `sgtool grid` and `sgtool video` take more",
            parameter="label",
            value=text,
        )
    names, numbers = zip(*(_named(part) for part in labels[0].split(",")), strict=True)
    if not any(names):
        if len(numbers) != network.c_dim:
            raise UsageError(
                f"{len(numbers)} numbers, and a label of this network has {network.c_dim}"
                f"{_listed(label_names(network))}",
                parameter="label",
                value=text,
            )
        return np.array(numbers, np.float32)
    return _by_name(network, dict(zip(names, numbers, strict=True)), text)


def usual_label(network: Network, class_index: int | None = None) -> Float32[np.ndarray, " c_dim"]:
    """Return the label of a class; where labels are numbers, the mean of the training images."""
    label = np.zeros(network.c_dim, np.float32)
    if network.label_columns:
        label[:] = [mean for _, mean, _ in network.label_columns.values()]
    elif class_index is not None:
        label[class_index] = 1
    return label


def label_names(network: Network | Header) -> tuple[str, ...]:
    """Return the names of a label's numbers: of columns, or of classes as far as they have any."""
    return tuple(network.label_columns) or tuple(network.classes)


def mean_label(network: Network) -> str:
    """Return the label that is drawn by default, where labels are numbers, in words."""
    return describe_label(network, usual_label(network))


def describe_label(network: Network | Header, label: Float32[np.ndarray, " c_dim"]) -> str:
    """Return a label in words, as it can be typed."""
    names = label_names(network) or tuple(map(str, range(len(label))))
    return ",".join(f"{name}={number:.3g}" for name, number in zip(names, label, strict=True))


def _by_name(network: Network, given: dict[str, float], text: str) -> Float32[np.ndarray, " c_dim"]:
    known = label_names(network) or tuple(map(str, range(network.c_dim)))
    label = usual_label(network)
    for name, number in given.items():
        if name not in known:
            lead = meant_or_all(name, known)
            raise UsageError(
                f"no {name or number} in its labels{lead}", parameter="label", value=text
            )
        label[known.index(name)] = number
    return label


def _named(part: str) -> tuple[str, float]:
    name, _, number = part.rpartition("=")
    if not isfinite(float(number)):
        raise UsageError("not a finite number", parameter="label", value=part)
    return name, float(number)


def _listed(names: Sequence[str]) -> str:
    return f": {', '.join(names[:12])}" if names else ""


def class_index(network: Network | Header, chosen: str | None) -> int | None:
    """Return the index of the chosen class; by default the first, None without classes.

    Args:
        chosen: A name, or an index in digits.
    """
    classes, c_dim = network.classes, network.c_dim
    if chosen is None:
        return 0 if c_dim and not network.label_columns else None
    if network.label_columns:
        raise UsageError(
            f"labels of this network are numbers ({', '.join(network.label_columns)}), no "
            "classes; give `label`",
            parameter="class",
            value=chosen,
        )
    if c_dim == 0:
        raise UsageError(
            "the network has no classes; leave `class` out", parameter="class", value=chosen
        )
    if chosen in classes:
        return classes.index(chosen)
    if chosen.isdecimal() and int(chosen) < c_dim:
        return int(chosen)
    if lead := meant(chosen, classes):
        raise UsageError(f"no such class{lead}", parameter="class", value=chosen)
    named = f" or one of {', '.join(classes)}" if classes else ""
    raise UsageError(f"no such class; choose 0-{c_dim - 1}{named}", parameter="class", value=chosen)


def chosen_class(network: Network, chosen: str | None) -> int | None:
    """Return the index of an explicitly chosen class, else None."""
    return None if chosen is None else class_index(network, chosen)


def class_names(network: Network) -> tuple[str, ...]:
    """Return the name of each class, or its number if it has none."""
    if network.label_columns:
        raise UsageError("labels of this network are numbers, no classes; give `label`")
    return network.classes or tuple(map(str, range(network.c_dim)))
