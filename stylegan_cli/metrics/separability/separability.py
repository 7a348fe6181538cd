"""Linear separability, [SG1] section 4.2: exp(Σ H(Yᵢ|Xᵢ)) over planes for attributes.

X is a linear classifier's answer for a code, Y an image classifier's for its image.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import DataError, MetricError, UsageError
from stylegan_cli.latents.sampling import Sampling, codes_of_seeds, z_of_seeds
from stylegan_cli.metrics.fakes import drawn_labels, seeds_of
from stylegan_cli.metrics.protocol import Space
from stylegan_cli.metrics.separability import PROTOCOLS
from stylegan_cli.metrics.separability.classifier import ClassifierPanel
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.render import draw_codes
from stylegan_cli.shapes import Images, Labels

MAPPED_AT_ONCE = 4096


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
) -> tuple[Bool[np.ndarray, " n"], bool]:
    """Find the linear support vector machine that predicts which codes have the attribute.

    Squared hinge loss, L2 penalty, C = 1, as the originals; the primal form and the scaling make
    the search end. With a single class, every code is on the right side.

    Returns:
        The side that each code lies on, and whether the optimization converged.

    Args:
        scaled: Scale the codes to unit variance first, which the originals do not.
    """
    if has.all() or not has.any():
        return has, True
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    points = _unit_variance(codes) if scaled else codes
    machine = LinearSVC(dual=False, random_state=0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(points, has)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in said)
    return machine.predict(points).astype(bool), converged


def separate(
    codes: Float[np.ndarray, "n dim"], has: Bool[np.ndarray, " n"], *, scaled: bool = True
) -> Separation:
    """Measure how well a plane separates the codes that it was found with."""
    sides, converged = best_plane(codes, has, scaled=scaled)
    return Separation(
        entropy=conditional_entropy(sides, has),
        share=float(has.mean()),
        accuracy=float((sides == has).mean()),
        converged=converged,
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
class Faces:
    """The images to judge: image i depends on (seed, i) alone.

    Attributes:
        dataset: Source of labels for a network that takes them, those of random images; None
            if it takes none.
    """

    network: Network
    dataset: Dataset | None
    num: int
    seed: int


def judge(faces: Faces, panel: ClassifierPanel, part: range) -> Float32[np.ndarray, "n attributes"]:
    """Return the classifiers' judgements of consecutive images."""
    with torch.no_grad():
        logits = panel.logits(draw_faces(faces, part)).float().cpu().numpy()
    if not np.isfinite(logits).all():
        bad = seeds_of(faces.seed, part)[int(np.flatnonzero(~np.isfinite(logits).all(1))[0])]
        raise MetricError(
            f"{faces.network.path}: seed {bad} makes an image with NaN or infinite values; "
            "the training of this network failed, take an earlier snapshot"
        )
    return logits


def draw_faces(faces: Faces, part: range) -> Images:
    """Draw images of the untruncated codes in full resolution, neither clipped nor rounded."""
    network, seeds = faces.network, seeds_of(faces.seed, part)
    sampling = Sampling(noise_mode="random" if network.G.has_noise else "const")
    codes = codes_of_seeds(network, seeds, sampling, labels_of(faces, part))
    return draw_codes(network.G, codes, sampling.noise_mode)


def labels_of(faces: Faces, part: range) -> Labels:
    """Return labels of images of the data set, chosen by the seeds."""
    seeds, dataset = seeds_of(faces.seed, part), faces.dataset
    if not faces.network.c_dim:
        return np.zeros((len(part), 0), np.float32)
    assert dataset is not None, "networks with labels have been given a data set"
    return drawn_labels(seeds, dataset.label, len(dataset))


def z_of_faces(faces: Faces) -> Float32[np.ndarray, "n z_dim"]:
    """Return every image's z."""
    return z_of_seeds(seeds_of(faces.seed, range(faces.num)), faces.network.G.z_dim)


def w_of_faces(faces: Faces) -> Float32[np.ndarray, "n w_dim"]:
    """Return every image's w."""
    G, z = faces.network.G, z_of_faces(faces)
    labels, device = labels_of(faces, range(faces.num)), G.mapping.w_avg.device
    w = np.empty((faces.num, G.w_dim), np.float32)
    # in batches: planes do not depend on the last digits
    for start in range(0, faces.num, MAPPED_AT_ONCE):
        rows = slice(start, start + MAPPED_AT_ONCE)
        zs, cs = (torch.from_numpy(array[rows]).to(device) for array in (z, labels))
        with torch.no_grad():
            w[rows] = G.mapping(zs, cs).cpu().numpy()
    return w


def planes(
    faces: Faces,
    names: Sequence[str],
    spaces: Sequence[Space],
    logits: Float[np.ndarray, "n attributes"],
    *,
    scaled: bool,
) -> Iterator[tuple[str, Space, Separation]]:
    """Find a plane for every attribute in every space, among the surest half of the images."""
    for space in spaces:
        codes = w_of_faces(faces) if space == "w" else z_of_faces(faces)
        for name, own in zip(names, logits.T, strict=True):
            surest = most_confident(own, faces.num // 2)
            yield name, space, separate(codes[surest], own[surest] >= 0, scaled=scaled)


def spaces_of(network: Network) -> tuple[Space, ...]:
    """Return the spaces of a network."""
    return ("w", "z") if network.G.has_w else ("z",)


def check_spaces(network: Network, spaces: Sequence[Space], protocol: str | None) -> None:
    """Raise if the network has no such space, or the protocol does not define separability."""
    if protocol not in (None, *PROTOCOLS):
        raise UsageError(
            f"`protocol={protocol}`: does not define separability; use {' or '.join(PROTOCOLS)}"
        )
    if "w" in spaces and not network.G.has_w:
        raise UsageError(
            "`space=w`: this network makes images straight from z and has no w; take `space=z`"
        )


def check_faces(faces: Faces, panel: ClassifierPanel) -> None:
    """Raise if images cannot be made, or classifiers cannot look at them."""
    seeds_of(faces.seed, range(faces.num))
    G, wanted = faces.network.G, faces.network.c_dim
    found = faces.dataset.c_dim if faces.dataset else 0
    if wanted and found != wanted:
        raise DataError(
            f"the images have labels of {found} numbers, {faces.network.path} takes {wanted}; "
            "take the data that the network was trained on"
        )
    for described in (each.description for each in panel.classifiers):
        size = described.size
        factor = G.size.width // size.width
        if described.channels != G.channels or G.size != size.times(factor):
            raise UsageError(
                f"`classifier`: that of {described.names[0]} looks at images of {described.side} "
                f"px and {described.channels} channels, {faces.network.path} makes "
                f"{G.size.value} px and {G.channels}; take classifiers for such images"
            )
