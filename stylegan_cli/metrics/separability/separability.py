"""Linear separability, [SG1] section 4.2: exp(Σ H(Yᵢ|Xᵢ)) over planes for attributes.

X is a linear classifier's answer for a code, Y an image classifier's for its image.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.metrics.fakes import seeds_of
from stylegan_cli.metrics.ppl.variants import Space
from stylegan_cli.metrics.separability.classifier import Panel
from stylegan_cli.metrics.separability.judging import Faces, w_of_faces, z_of_faces
from stylegan_cli.metrics.separability.options import PROTOCOLS
from stylegan_cli.networks.snapshot import Network


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The best plane's prediction for each code.

    Attributes:
        sides: The side that each code lies on.
        converged: Whether the optimization converged.
    """

    sides: Bool[np.ndarray, " n"]
    converged: bool


@dataclass(frozen=True, kw_only=True)
class Separation:
    """The separation of one attribute by a plane in one space.

    Attributes:
        entropy: H(Y|X) in bits: 0 for a perfect plane, at most H(Y).
        share: Share of codes whose image has the attribute; 0 or 1 leaves nothing to separate.
        accuracy: Share of the codes on the right side.
    """

    entropy: float
    share: float
    accuracy: float
    converged: bool


def most_confident(logits: Float[np.ndarray, " n"], keep: int) -> Int64[np.ndarray, " kept"]:
    """Return numbers of the images that the classifier is surest about, the surest first."""
    order: Int64[np.ndarray, " kept"] = np.argsort(-np.abs(logits), kind="stable")[:keep]
    return order


def conditional_entropy(said: Bool[np.ndarray, " n"], true: Bool[np.ndarray, " n"]) -> float:
    """Return H(true|said) in bits: what remains unknown of the truth given what was said."""
    joint = np.array([[(said == x) & (true == y) for y in (False, True)] for x in (False, True)])
    p = joint.mean(axis=2)
    return max(0.0, _entropy(p) - _entropy(p.sum(axis=1)))


def best_plane(
    codes: Float[np.ndarray, "n dim"], has: Bool[np.ndarray, " n"], *, scaled: bool = True
) -> Plane:
    """Find the linear support vector machine that predicts which codes have the attribute.

    Squared hinge loss, L2 penalty, C = 1, as the originals; the primal form and the scaling make
    the search end. With a single class, every code is on the right side.

    Args:
        scaled: Scale the codes to unit variance first, which the originals do not.
    """
    if has.all() or not has.any():
        return Plane(sides=has, converged=True)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    points = _unit_variance(codes) if scaled else codes
    machine = LinearSVC(dual=False, random_state=0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(points, has)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in said)
    return Plane(sides=machine.predict(points).astype(bool), converged=converged)


def separate(
    codes: Float[np.ndarray, "n dim"], has: Bool[np.ndarray, " n"], *, scaled: bool = True
) -> Separation:
    """Measure how well a plane separates the codes that it was found with.

    Args:
        scaled: As in `best_plane`.
    """
    plane = best_plane(codes, has, scaled=scaled)
    return Separation(
        entropy=conditional_entropy(plane.sides, has),
        share=float(has.mean()),
        accuracy=float((plane.sides == has).mean()),
        converged=plane.converged,
    )


def separability(separations: Sequence[Separation]) -> float:
    """Return 2 to the sum of the entropies in bits; 1 is perfect."""
    return float(2 ** sum(each.entropy for each in separations))


def _unit_variance(codes: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
    scale = codes.std(axis=0)
    scaled: Float[np.ndarray, "n dim"] = (codes - codes.mean(axis=0)) / np.where(
        scale > 0, scale, 1
    )
    return scaled


def _entropy(p: Float[np.ndarray, "..."]) -> float:
    occurring = p[p > 0]
    return float(-(occurring * np.log2(occurring)).sum())


@dataclass(frozen=True, kw_only=True)
class AttributeResult:
    """One attribute in one space."""

    name: str
    space: Space
    separation: Separation


def planes(
    faces: Faces,
    names: Sequence[str],
    spaces: Sequence[Space],
    logits: Float[np.ndarray, "n attributes"],
    *,
    scaled: bool,
) -> Iterator[AttributeResult]:
    """Find a plane for every attribute in every space, among the surest half of the images.

    Args:
        scaled: As in `best_plane`.
    """
    for space in spaces:
        codes = w_of_faces(faces) if space == "w" else z_of_faces(faces)
        for name, own in zip(names, logits.T, strict=True):
            surest = most_confident(own, faces.num // 2)
            found = separate(codes[surest], own[surest] >= 0, scaled=scaled)
            yield AttributeResult(name=name, space=space, separation=found)


def spaces_of(network: Network) -> tuple[Space, ...]:
    """Return the spaces of a network."""
    return ("w", "z") if network.G.has_w else ("z",)


def check_spaces(network: Network, spaces: Sequence[Space], protocol: str | None) -> None:
    """Raise if the network has no such space, or the protocol does not define separability.

    Raises:
        UsageError: The network lacks the space, or the protocol does not define separability.
    """
    if protocol not in (None, *PROTOCOLS):
        raise UsageError(
            f"`protocol={protocol}`: does not define separability; use {' or '.join(PROTOCOLS)}"
        )
    if "w" in spaces and not network.G.has_w:
        raise UsageError(
            "`space=w`: this network makes images straight from z and has no w; take `space=z`"
        )


def check_faces(faces: Faces, panel: Panel) -> None:
    """Raise if images cannot be made, or classifiers cannot look at them.

    Raises:
        UsageError: There are no such seeds, or the images are not what a classifier learned from.
        DataError: The network takes other labels than the data set has.
    """
    seeds_of(faces.seed, range(faces.num))
    G, wanted = faces.network.G, faces.network.c_dim
    found = faces.dataset.c_dim if faces.dataset else 0
    if wanted and found != wanted:
        raise DataError(
            f"the images have labels of {found} numbers, {faces.network.path} takes {wanted}; "
            "take the data that the network was trained on"
        )
    for described in (each.description for each in panel.classifiers):
        if described.channels != G.channels or G.resolution % described.side:
            raise UsageError(
                f"`classifier`: that of {described.names[0]} looks at images of {described.side} "
                f"px and {described.channels} channels, {faces.network.path} makes "
                f"{G.resolution} px and {G.channels}; take classifiers for such images"
            )
