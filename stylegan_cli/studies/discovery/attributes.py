"""Directions of attributes: planes between codes of high and of low scores."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from stylegan_cli.directions.boundary import (
    RATIO,
    Method,
    boundary,
    conditioned,
    ends,
    mean_plane,
)
from stylegan_cli.directions.direction import Fact
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import population
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.files import table_in
from stylegan_cli.latents.sampling import PLAIN, codes_of_seeds
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.studies.discovery.finding import discovered, measured
from stylegan_cli.studies.discovery.judging import Scored, plain_name

FEWEST = 10
"""Codes of a kind that a difference of means may be taken of."""


def find_attributes(
    network: Network,
    scored: Scored,
    *,
    method: Method = "svm",
    ratio: float = RATIO,
    hold: Sequence[str] = (),
    group: str = "attribute",
) -> Discovery:
    """Find a direction for each attribute, across the plane between high and low scores.

    Args:
        ratio: Share of the codes at either end.
        hold: Attributes that samples of the network keep along the others, and that get no
            directions of their own.

    Raises:
        UsageError: An attribute is the same as a held one.
        MetricError: The scores tell nothing.
    """
    drawn, vectors, facts = population(network), {}, {}
    for i, name in enumerate(scored.names):
        vectors[name], facts[name] = _across(scored, i, method, ratio)
    held = np.stack([vectors[name] for name in hold]) if hold else None
    found = []
    for name in scored.names:
        if name in hold:
            continue
        vector = vectors[name]
        if held is not None:
            vector = conditioned(vector, held, hold, np.cov(drawn.codes, rowvar=False))
        told = {**facts[name], "attribute": name}
        found.append(measured(network, drawn, f"{group}/{plain_name(name)}", vector, told))
    request = {
        "method": "attribute",
        "plane": method,
        "attributes": list(scored.names),
        "samples": len(scored.codes),
        "ratio": ratio,
        "hold": list(hold),
    }
    return discovered(network, group, method, request, found)


def find_difference(
    network: Network,
    have: Float32[np.ndarray, "n dim"],
    lack: Float32[np.ndarray, "m dim"],
    *,
    whiten: bool = False,
    name: str = "difference",
) -> Discovery:
    """Find the direction between the means of some codes and others, such as two classes.

    Args:
        whiten: Undo the spread of the network's codes; only what separates the two is left.
    """
    if min(len(have), len(lack)) < FEWEST:
        raise UsageError(
            f"{len(have)} and {len(lack)} codes are too few to tell what differs; "
            f"give at least {FEWEST} of each"
        )
    drawn = population(network)
    has = np.arange(len(have) + len(lack)) < len(have)
    spread = np.cov(drawn.codes, rowvar=False) if whiten else None
    vector, _ = mean_plane(np.concatenate([have, lack]), has, spread)
    facts = {"stability": _halves(have, lack)}
    found = [measured(network, drawn, f"{name}/0", vector, facts)]
    request = {
        "method": "difference",
        "whiten": whiten,
        "codes": sha256(have.tobytes() + b"/" + lack.tobytes()).hexdigest()[:16],
    }
    return discovered(network, name, "lda" if whiten else "mean", request, found)


def scores_of_csv(network: Network, path: Path) -> Scored:
    """Read scores of seeds: a line of headings, then a seed and its scores each.

    Raises:
        DataError: The file is missing, or not such a table.
    """
    rows = table_in(path)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DataError(f"{path}: needs a line of headings, then a seed and its scores on each")
    try:
        numbers = [(int(row[0]), [float(word or "nan") for word in row[1:]]) for row in rows[1:]]
        scores = np.array([values for _, values in numbers], np.float32)
    except ValueError as error:
        raise DataError(f"{path}: seeds and scores are numbers ({error})") from None
    if scores.ndim != 2 or scores.shape[1] != len(rows[0]) - 1:
        raise DataError(f"{path}: every line needs {len(rows[0])} columns, as its headings have")
    codes = codes_of_seeds(network, [seed for seed, _ in numbers], PLAIN)
    dims = codes.ws[:, 0] if network.G.has_w else codes.z
    assert dims is not None
    return Scored(names=tuple(rows[0][1:]), codes=dims, scores=scores)


def _across(
    scored: Scored, attribute: int, method: Method, ratio: float
) -> tuple[Float[np.ndarray, " dim"], dict[str, Fact]]:
    """Return the direction of an attribute and its reliability."""
    scores = scored.scores[:, attribute]
    found = boundary(scored.codes, ends(scores, ratio), method)
    halves = [
        # half the codes, so twice the share leaves as many at either end
        boundary(scored.codes[part], ends(scores[part], min(2 * ratio, 0.5)), method).vector
        for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    return found.vector, {
        "accuracy": found.accuracy,
        "accuracy_between": found.accuracy_between,
        "stability": float(halves[0] @ halves[1]),
    }


def _halves(have: Float32[np.ndarray, "n dim"], lack: Float32[np.ndarray, "m dim"]) -> float:
    """Return the cosine between the differences of means of two halves of the codes."""
    a, b = (
        have[i::2].mean(axis=0, dtype=np.float64) - lack[i::2].mean(axis=0, dtype=np.float64)
        for i in (0, 1)
    )
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
