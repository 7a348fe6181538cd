"""Real images by a number of their labels, in bins."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from stylegan_cli.errors import UsageError, meant_or_all
from stylegan_cli.metrics.pictures import StoredPictures
from stylegan_cli.networks.header import Header

BINS, MAX_BINS = 4, 100
"""Bins of a number of the labels: the usual number, and the most."""


def label_bins(
    wanted: str, data: StoredPictures, header: Header
) -> Iterator[tuple[str, StoredPictures]]:
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
