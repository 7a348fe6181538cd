"""Directions of attributes: planes between codes, and the style channels that tell them."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from stylegan_cli.directions.boundary import (
    RATIO,
    Ends,
    Method,
    boundary,
    conditioned,
    ends,
)
from stylegan_cli.directions.channels import (
    Channels,
    all_styles,
    channels_of,
    ranking,
    relevance_of_poles,
)
from stylegan_cli.directions.direction import Direction, Fact
from stylegan_cli.directions.file import Discovery
from stylegan_cli.directions.population import layers_of, population
from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.files import similar
from stylegan_cli.latents.sampling import PLAIN, codes_of_seeds
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.studies.discovery.finding import measured
from stylegan_cli.studies.discovery.judging import Scored

EXAMPLES = 30
"""Codes at either end whose styles are compared."""

FEWEST = 10
"""Codes of a kind that a difference of means may be taken of."""


def find_attributes(
    network: Network,
    names: Sequence[str],
    scored: Scored,
    *,
    method: Method = "svm",
    ratio: float = RATIO,
    hold: Sequence[str] = (),
    group: str = "attribute",
) -> Discovery:
    """Find a direction for each attribute, across the plane between high and low scores.

    Args:
        names: Of the scores; those that are held are not among the directions.
        ratio: Share of the codes at either end.
        hold: Attributes that samples of the network are not to change in along the others.

    Raises:
        UsageError: An attribute is the same as a held one.
        MetricError: The scores tell nothing.
    """
    drawn, vectors, facts = population(network), {}, {}
    for i, name in enumerate(names):
        vectors[name], facts[name] = _across(scored, i, method, ratio)
    held = np.stack([vectors[name] for name in hold]) if hold else None
    found = []
    for name in names:
        if name in hold:
            continue
        vector = vectors[name]
        if held is not None:
            codes = drawn.w if network.G.has_w else drawn.z
            vector = conditioned(vector, held, hold, np.cov(codes, rowvar=False))
        told = {**facts[name], "attribute": name}
        direction = measured(network, vector, drawn, range(network.G.num_ws), told)
        found.append(replace(direction, name=f"{group}/{plain_name(name)}", method=method))
    request = {
        "method": "attribute",
        "plane": method,
        "attributes": list(names),
        "samples": len(scored.codes),
        "ratio": ratio,
        "hold": list(hold),
    }
    return Discovery(
        group=group, request=request, network_sha256=network.sha256, directions=tuple(found)
    )


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
        whiten: Undo the spread of the network's codes: only what tells the two apart is left.

    Raises:
        UsageError: Too few codes.
    """
    if min(len(have), len(lack)) < FEWEST:
        raise UsageError(
            f"{len(have)} and {len(lack)} codes are too few to tell what differs; "
            f"give at least {FEWEST} of each"
        )
    drawn = population(network)
    scored = Scored(
        codes=np.concatenate([have, lack]),
        scores=np.repeat([1.0, 0.0], [len(have), len(lack)]).astype(np.float32)[:, None],
    )
    codes = drawn.w if network.G.has_w else drawn.z
    vector = have.mean(axis=0, dtype=np.float64) - lack.mean(axis=0, dtype=np.float64)
    if whiten:
        vector = np.linalg.lstsq(np.cov(codes, rowvar=False), vector, rcond=1e-8)[0]
    vector = vector / np.linalg.norm(vector)
    direction = measured(
        network, vector, drawn, range(network.G.num_ws), {"stability": _halves(scored)}
    )
    return Discovery(
        group=name,
        request={
            "method": "difference",
            "whiten": whiten,
            "codes": sha256(have.tobytes() + b"/" + lack.tobytes()).hexdigest()[:16],
        },
        network_sha256=network.sha256,
        directions=(replace(direction, name=f"{name}/0", method="lda" if whiten else "mean"),),
    )


def find_channels(
    network: Network,
    name: str,
    scored: Scored,
    attribute: int,
    *,
    count: int = 10,
    rgb: bool = False,
    group: str | None = None,
) -> Discovery:
    """Find the style channels in which codes of high score differ most from low ones.

    Args:
        attribute: Position of the attribute among the scores.
        rgb: List channels of toRGB layers too.

    Raises:
        UsageError: The network has no styles.
    """
    check_styles(network)
    group = group or f"channels/{plain_name(name)}"
    order = np.argsort(-scored.scores[:, attribute], kind="stable")
    high, low = (
        all_styles(network.G, layers_of(network, scored.codes[some]))
        for some in (order[:EXAMPLES], order[-EXAMPLES:])
    )
    channels = channels_of(
        network.G, all_styles(network.G, layers_of(network, scored.codes[:5000]))
    )
    found = relevance_of_poles(high, low, channels)
    directions = [
        channel_direction(
            network,
            channels,
            int(channel),
            sign=float(found.sign[channel]),
            name=f"{group}/{i}",
            facts={"theta": float(found.theta[channel]), "attribute": name},
        )
        for i, channel in enumerate(ranking(found, channels, rgb=rgb)[:count])
    ]
    request = {
        "method": "channels",
        "attribute": name,
        "samples": len(scored.codes),
        "count": count,
        "torgb": rgb,
    }
    return Discovery(
        group=group,
        request=request,
        network_sha256=network.sha256,
        directions=tuple(directions),
    )


def channel_direction(
    network: Network,
    channels: Channels,
    channel: int,
    *,
    sign: float,
    name: str,
    facts: Mapping[str, Fact],
) -> Direction:
    """Make a direction of a style channel, a step being its standard deviation."""
    vector = np.zeros(len(channels.std), np.float32)
    vector[channel] = sign
    return Direction(
        name=name,
        space="s",
        vector=vector,
        sigma=float(channels.std[channel]),
        mean_coordinate=sign * float(channels.mean[channel]),
        method="channel",
        network_sha256=network.sha256,
        facts={**facts, "channel": channels.name(channel)},
    )


def plain_name(name: str) -> str:
    """Return an attribute's name without signs that references use, such as `hair-bun`."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-")


def check_styles(network: Network) -> None:
    """Refuse a network without styles.

    Raises:
        UsageError: It has one code for all layers.
    """
    if not network.G.has_styles:
        raise UsageError(
            "this network has one code for all layers and no style channels; it offers "
            "`sgtool discover sefa` and `sgtool discover pca`"
        )


def scores_of_csv(network: Network, path: Path) -> tuple[tuple[str, ...], Scored]:
    """Read scores of seeds: a line of headings, then a seed and its scores each.

    Raises:
        DataError: The file is missing, or not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file{similar(path)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
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
    return tuple(rows[0][1:]), Scored(codes=dims, scores=scores)


def _across(
    scored: Scored, attribute: int, method: Method, ratio: float
) -> tuple[Float[np.ndarray, " dim"], dict[str, Fact]]:
    """Return the direction of an attribute and its reliability."""
    scores = scored.scores[:, attribute]
    found = boundary(scored.codes, ends(scores, ratio), method)
    halves = [
        boundary(scored.codes[part], _even(scores[part], ratio), method).vector
        for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    return found.vector, {
        "accuracy": found.accuracy,
        "accuracy_between": found.accuracy_between,
        "stability": float(halves[0] @ halves[1]),
    }


def _even(scores: Float32[np.ndarray, " n"], ratio: float) -> Ends:
    # half the codes, so twice the share leaves as many at either end
    return ends(scores, min(2 * ratio, 0.5))


def _halves(scored: Scored) -> float:
    """Return the cosine between the differences of means of two halves of the codes."""
    has = scored.scores[:, 0] > 0.5
    halves = [
        scored.codes[has][i::2].mean(axis=0, dtype=np.float64)
        - scored.codes[~has][i::2].mean(axis=0, dtype=np.float64)
        for i in (0, 1)
    ]
    return float(halves[0] @ halves[1] / np.linalg.norm(halves[0]) / np.linalg.norm(halves[1]))
