"""Linear separability, [SG1] section 4.2: exp(Σ H(Yᵢ|Xᵢ)), how well planes tell attributes.

X is what a linear classifier says of a code, Y what an image classifier says of its image.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.metrics.fakes import seeds_of
from stylegan_cli.metrics.ppl.ppl import Space
from stylegan_cli.metrics.separability.classifier import Panel
from stylegan_cli.metrics.separability.judging import Faces
from stylegan_cli.networks.snapshot import Network


@dataclass(frozen=True, kw_only=True)
class Plane:
    """What the best plane says of each code.

    Attributes:
        sides: On which side each code lies.
        converged: Whether the search for it came to its end.
    """

    sides: Bool[np.ndarray, " n"]
    converged: bool


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well one attribute is told apart in one space.

    Attributes:
        entropy: H(Y|X) in bits: 0 where the plane tells all, at most H(Y).
        share: Of the codes whose image has the attribute; 0 or 1 leaves nothing to tell.
        accuracy: Share of the codes on the right side.
    """

    entropy: float
    share: float
    accuracy: float
    converged: bool


def most_confident(logits: Float[np.ndarray, " n"], keep: int) -> Int64[np.ndarray, " kept"]:
    """Numbers of the images that the classifier is surest about, the surest first."""
    order: Int64[np.ndarray, " kept"] = np.argsort(-np.abs(logits), kind="stable")[:keep]
    return order


def conditional_entropy(said: Bool[np.ndarray, " n"], true: Bool[np.ndarray, " n"]) -> float:
    """H(true|said) in bits: what remains unknown of the truth when one knows what was said."""
    joint = np.array([[(said == x) & (true == y) for y in (False, True)] for x in (False, True)])
    p = joint.mean(axis=2)
    return max(0.0, _entropy(p) - _entropy(p.sum(axis=1)))


def best_plane(
    codes: Float[np.ndarray, "n dim"], has: Bool[np.ndarray, " n"], *, scaled: bool = True
) -> Plane:
    """The linear support vector machine that tells which codes have the attribute.

    Squared hinge loss, L2 penalty, C = 1, as the originals; the primal form and the scaling make
    the search end. One class alone is told by no plane: everybody is on the right side then.

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
    """How well a plane tells which codes have the attribute, on the very codes it was found by.

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
    """2 to the sum of the entropies in bits; 1 is perfect."""
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


PROTOCOLS = ("stylegan1", "stylegan2")


@dataclass(frozen=True, kw_only=True)
class SeparabilityOptions:
    """What is measured.

    Attributes:
        protocol: "stylegan1" and "stylegan2" fit planes to unscaled codes and call the numbers
            ls_z and ls_w; None scales the codes.
    """

    spaces: tuple[Space, ...]
    protocol: str | None = None

    @property
    def name(self) -> str:
        """Of the numbers: a classifier that was trained here is not the published ones."""
        return "separability_trained" if self.protocol is None else "ls_trained"


def spaces_of(network: Network) -> tuple[Space, ...]:
    """The spaces that a network has."""
    return ("w", "z") if network.G.has_w else ("z",)


def check_network(network: Network, options: SeparabilityOptions) -> None:
    """Refuse what the network has no means for, or the protocol does not define.

    Raises:
        UsageError: It has no such space, or there is no such protocol.
    """
    if options.protocol not in (None, *PROTOCOLS):
        raise UsageError(
            f"--protocol {options.protocol}: does not define separability; "
            f"use {' or '.join(PROTOCOLS)}"
        )
    if "w" in options.spaces and not network.G.has_w:
        raise UsageError(
            "--space w: this network makes images straight from z and has no w; take --space z"
        )


def check_faces(faces: Faces, panel: Panel) -> None:
    """Refuse images that cannot be made, or that classifiers cannot look at.

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
                f"--classifier: that of {described.names[0]} looks at images of {described.side} "
                f"px and {described.channels} channels, {faces.network.path} makes "
                f"{G.resolution} px and {G.channels}; take classifiers for such images"
            )
