"""Directions of attributes: planes between codes of high and of low scores, InterFaceGAN.

Shen et al., CVPR 2020.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import population
from stylegan_cli.errors import MetricError, UsageError
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.studies.discovery.finding import discovered, measured
from stylegan_cli.studies.discovery.judging import Scored, Scoring, plain_name

Codes = Float[np.ndarray, "n dim"]
Unit = Float64[np.ndarray, " dim"]
Method = Literal["svm", "mean", "lda"]
RATIO, TRAINING_SHARE = 0.02, 0.7
"""The share of all codes at either end, and the part of it that planes are fitted to."""

LEFT_OVER = 1e-6
"""Of a unit direction; with less of it left, a direction lies in the span of its conditions."""

FEWEST = 10
"""Codes of a kind that a difference of means may be taken of."""


def find_attributes(
    network: Network,
    scored: Scored | Scoring,
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

    def found() -> Iterator[Direction]:
        drawn, vectors, facts = population(network), {}, {}
        for i, name in enumerate(scored.names):
            vectors[name], facts[name] = _across(scored.made, i, method, ratio)
        held = np.stack([vectors[name] for name in hold]) if hold else None
        for name in scored.names:
            if name in hold:
                continue
            vector = vectors[name]
            if held is not None:
                vector = conditioned(vector, held, hold, np.cov(drawn.codes, rowvar=False))
            told = {**facts[name], "attribute": name}
            yield measured(network, drawn, f"{group}/{plain_name(name)}", vector, told)

    request = {
        "method": "attribute",
        "plane": method,
        "attributes": list(scored.names),
        "samples": scored.count,
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

    def found() -> Iterator[Direction]:
        drawn = population(network)
        has = np.arange(len(have) + len(lack)) < len(have)
        spread = np.cov(drawn.codes, rowvar=False) if whiten else None
        vector, _ = mean_plane(np.concatenate([have, lack]), has, spread)
        yield measured(network, drawn, f"{name}/0", vector, {"stability": _halves(have, lack)})

    request = {
        "method": "difference",
        "whiten": whiten,
        "codes": sha256(have.tobytes() + b"/" + lack.tobytes()).hexdigest()[:16],
    }
    return discovered(network, name, "lda" if whiten else "mean", request, found)


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


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Numbers of the codes of highest and lowest score, and of all between.

    Attributes:
        train: Those to fit to, high ones first, then as many low ones; `validation` alike.
        is_high: Whether the score of each of `between` is in the upper half.
    """

    train: Int64[np.ndarray, " t"]
    validation: Int64[np.ndarray, " v"]
    between: Int64[np.ndarray, " r"]
    is_high: Bool[np.ndarray, " r"]


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A direction across a plane.

    Attributes:
        vector: Of length 1, towards high scores.
        accuracy: Share of the validation codes on the right side.
        accuracy_between: Share of all codes that are at neither end.
    """

    vector: Unit
    accuracy: float
    accuracy_between: float


def ends(scores: Float[np.ndarray, " n"], ratio: float = RATIO) -> Ends:
    """Choose the codes of highest and lowest score, split at random.

    Scores that are NaN or infinite are left out.

    Raises:
        MetricError: Too few scores, or all of them are equal.
    """
    valid = np.flatnonzero(np.isfinite(scores))
    order = valid[np.argsort(-scores[valid], kind="stable")]
    count = min(int(ratio * len(order)), len(order) // 2)
    if count < 4:
        raise MetricError(
            f"{len(order)} scores are too few for the {ratio:.0%} at either end; take more samples"
        )
    if scores[order[0]] == scores[order[-1]]:
        raise MetricError(
            "all scores are equal, so nothing distinguishes the codes; use other scores"
        )
    train_count, stream = int(TRAINING_SHARE * count), numpy_stream(0, "boundary")
    high, low = stream.permutation(order[:count]), stream.permutation(order[-count:])
    middle = (scores[order[0]] + scores[order[-1]]) / 2
    between = order[count:-count]
    return Ends(
        train=np.concatenate([high[:train_count], low[:train_count]]),
        validation=np.concatenate([high[train_count:], low[train_count:]]),
        between=between,
        is_high=scores[between] >= middle,
    )


def boundary(codes: Codes, chosen: Ends, method: Method = "svm") -> Boundary:
    """Find the direction from low to high scores, and how well its plane separates them.

    Args:
        method: "svm" is the published one: linear, hinge loss, C = 1, codes unscaled. "mean" is
            the difference of the means, "lda" the same with all codes' covariance undone.
    """
    spread = np.cov(codes, rowvar=False) if method == "lda" else None
    fit = hinge_plane if method == "svm" else partial(mean_plane, covariance=spread)
    train, validation = chosen.train, chosen.validation
    vector, offset = fit(codes[train], _first_half(train))
    accuracy = _right(codes[validation] @ vector + offset, _first_half(validation))
    between = _right(codes[chosen.between] @ vector + offset, chosen.is_high)
    if method != "svm":
        # means improve with every code, and no held-out ones are needed
        has = np.concatenate([_first_half(train), _first_half(validation)])
        vector, _ = fit(codes[np.concatenate([train, validation])], has)
    return Boundary(vector=vector, accuracy=accuracy, accuracy_between=between)


def hinge_plane(codes: Codes, has: Bool[np.ndarray, " n"]) -> tuple[Unit, float]:
    """Return unit normal and offset of the linear support vector machine's plane."""
    from sklearn.svm import SVC

    machine = SVC(kernel="linear", C=1.0).fit(codes, has)
    weights = machine.coef_[0].astype(np.float64)
    length = float(np.linalg.norm(weights))
    return weights / length, float(machine.intercept_[0]) / length


def mean_plane(
    codes: Codes, has: Bool[np.ndarray, " n"], covariance: Float64[np.ndarray, "dim dim"] | None
) -> tuple[Unit, float]:
    """Return unit normal and offset of the plane half-way between the means of both sides.

    Args:
        covariance: Undo this spread first: only what separates the sides is left, as in
            linear discriminant analysis.
    """
    high, low = (codes[side].mean(axis=0, dtype=np.float64) for side in (has, ~has))
    vector = high - low
    if covariance is not None:
        vector = np.linalg.lstsq(covariance, vector, rcond=1e-8)[0]
    vector = vector / np.linalg.norm(vector)
    return vector, -float(vector @ (high + low)) / 2


def conditioned(
    direction: Float[np.ndarray, " dim"],
    held: Float[np.ndarray, "held dim"],
    names: Sequence[str],
    covariance: Float64[np.ndarray, "dim dim"] | None = None,
) -> Unit:
    """Return the direction without its part in the span of the held ones, of length 1.

    n' = n − Cᵀ(C Cᵀ)⁻¹ C n, rows of C the held directions.

    Args:
        names: Of the held directions, for the error.
        covariance: Of the codes; with it, moving along the result leaves the coordinates of the
            network's own samples along the held directions uncorrelated with the move.

    Raises:
        UsageError: Nothing of the direction is left.
    """
    rows = held.astype(np.float64)
    if covariance is not None:
        rows = rows @ covariance
    unit = direction.astype(np.float64) / np.linalg.norm(direction)
    left = unit - rows.T @ np.linalg.lstsq(rows.T, unit, rcond=None)[0]
    length = float(np.linalg.norm(left))
    if length < LEFT_OVER:
        along = np.abs(rows @ unit) / np.linalg.norm(rows, axis=1)
        raise UsageError(
            f"{names[int(along.argmax())]}: the direction is the same as this one; `hold` another"
        )
    return left / length


def _first_half(chosen: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    return np.arange(len(chosen)) < len(chosen) // 2


def _right(side: Float64[np.ndarray, " n"], has: Bool[np.ndarray, " n"]) -> float:
    return float(((side > 0) == has).mean()) if len(has) else float("nan")
