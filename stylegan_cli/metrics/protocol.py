"""Published ways to measure: which images count, and the names of the numbers.

Importing this does not load torch.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Int64

from stylegan_cli.detectors import is_standard
from stylegan_cli.errors import UsageError, meant_or_all
from stylegan_cli.metrics.metric import Metric
from stylegan_cli.runtime import numpy_stream

if TYPE_CHECKING:
    from stylegan_cli.metrics.pictures import StoredPictures
    from stylegan_cli.networks.header import Header

STANDARD_COUNT = 50_000
WITHOUT_INCEPTION = {"fid": "fd", "kid": "kd"}
"""Names reserved for Inception, and their form with other detectors."""


Space = Literal["w", "z"]
Stretch = Literal["full", "end"]
"""Steps begin anywhere on a path, or at its end."""

ShrinkRule = Literal["cropped", "whole"]
"""The side that decides the reduction: after cropping, or before."""


class Variant(NamedTuple):
    """Space and stretch of the steps of a path length, and whether images are cropped."""

    space: Space
    sampling: Stretch
    crop: bool


CROPPED = {
    Variant("z", "full", True): "ppl_zfull",
    Variant("w", "full", True): "ppl_wfull",
    Variant("z", "end", True): "ppl_zend",
    Variant("w", "end", True): "ppl_wend",
}
LATER = {**CROPPED, Variant("w", "end", False): "ppl2_wend"}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A published way to measure.

    Attributes:
        name: None for ours: all reals unchanged, names without numbers.
        metrics: Those on features that it defines; None for all.
        fills: Repeat or cut the reals to the number of fakes; else take all.
        mirrors: Mirror reals at random if the training did.
        ddof: Delta degrees of freedom of the covariance.
        paths: Names of its path lengths; empty for ours, which has them all.
        num_paths: Pairs of codes of a path length.
    """

    name: str | None = None
    metrics: tuple[str, ...] | None = None
    fills: bool = False
    mirrors: bool = False
    ddof: int = 1
    most_reals: Mapping[str, int] | None = None
    paths: Mapping[Variant, str] = field(default_factory=dict)
    num_paths: int = 5_000
    rule: ShrinkRule = "cropped"


OURS = Protocol()
PROTOCOLS: Mapping[str, Protocol] = {
    "stylegan1": Protocol(
        name="stylegan1",
        metrics=("fid",),
        fills=True,
        mirrors=True,
        paths=CROPPED,
        num_paths=100_000,
    ),
    "stylegan2": Protocol(
        name="stylegan2",
        metrics=("fid", "is", "pr"),
        fills=True,
        mirrors=True,
        paths=LATER,
        num_paths=50_000,
    ),
    "ada": Protocol(
        name="ada",
        ddof=0,
        most_reals={"kid": 1_000_000, "pr": 200_000},
        paths=LATER,
        num_paths=50_000,
        rule="whole",
    ),
}


def protocol_named(name: str | None) -> Protocol:
    """Return the protocol of that name; None is ours."""
    if name is None:
        return OURS
    if name not in PROTOCOLS:
        raise UsageError(f"`protocol={name}`: no such protocol{meant_or_all(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def result_name(value: str, metric: Metric, detector: str, fakes: int, protocol: Protocol) -> str:
    """Return the name of a number: the plain or published one only where it is that number.

    Args:
        value: "fid", "kid", "kid_sd", "is_mean", "is_std", "precision", …
    """
    standard = is_standard(detector, metric.on_features.purpose)
    if protocol.name is None and standard and fakes == STANDARD_COUNT:
        return value
    stem, underscore, rest = value.partition("_")
    if protocol.name is None or not standard:
        stem = WITHOUT_INCEPTION.get(stem, stem)
    if protocol.name is not None:
        count = f"{fakes // 1000}k" if fakes and fakes % 1000 == 0 else str(fakes)
        whole = "_full" if metric.on_features.compares and not protocol.fills else ""
        stem = f"pr{count}3{whole}_{stem}" if metric.name == "pr" else f"{stem}{count}{whole}"
        detector = "" if standard else detector
    return f"{stem}{underscore}{rest}" + (f"_{detector}" if detector else "")


def real_rows(
    protocol: Protocol, available: int, wanted: int, *, mirrored: bool
) -> Int64[np.ndarray, " rows"]:
    """Return which reals count, by number: of `available` images, then their mirror images."""
    if not protocol.fills:
        return np.arange(available)
    rows = np.arange(wanted) % available
    if mirrored:
        rows += available * numpy_stream(0, "mirrored reals").integers(2, size=wanted)
    return rows


BINS, MAX_BINS = 4, 100
"""Bins of a number of the labels: the usual number, and the most."""


def label_bins(
    wanted: str, data: "StoredPictures", header: "Header"
) -> "Iterator[tuple[str, StoredPictures]]":
    """Yield the real images whose number of the label lies in each bin, and the bin's name.

    A bin for each value where there are few, else bins of about as many images each.

    Args:
        wanted: `NAME` or `NAME:BINS`.
    """
    names = tuple(header.label_columns)
    head, colon, tail = wanted.rpartition(":")
    name, digits = (head, tail) if colon and wanted not in names else (wanted, str(BINS))
    if name not in names:
        lead = meant_or_all(name, names) if names else "; its labels are classes or none"
        raise UsageError(
            f"no number of the labels of this network{lead}", parameter="per_label", value=wanted
        )
    count = int(digits) if re.fullmatch(r"\d{1,3}", digits, re.ASCII) else 0
    if not 1 <= count <= MAX_BINS:
        raise UsageError(
            f"not a number of bins from 1 to {MAX_BINS}", parameter="per_label", value=wanted
        )
    assert data.label is not None, "data has the labels of the network"
    column = names.index(name)
    values = np.array([data.label(i)[column] for i in range(data.count)])
    edges = np.unique(values)
    if len(edges) > count:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)))[:-1]
    numbers = np.searchsorted(edges, values, "right") - 1
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        # as many digits as tell bins apart, whose names stand for them in records
        ends = (np.format_float_positional(v, trim="-") for v in np.unique(values[rows])[[0, -1]])
        yield f"{name} {' to '.join(dict.fromkeys(ends))}", replace(data, rows=rows)


def check_metrics(metrics: Sequence[str], protocol: Protocol) -> None:
    """Raise if the protocol does not define one of the metrics."""
    for metric in metrics:
        if protocol.metrics is not None and metric not in protocol.metrics:
            raise UsageError(
                f"`protocol={protocol.name}`: does not define {metric}; "
                f"it has {', '.join(protocol.metrics)}"
            )
