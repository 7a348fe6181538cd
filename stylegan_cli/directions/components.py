"""Directions that stand out among all: eigenvectors of weights and of covariances.

SeFa, Shen & Zhou, CVPR 2021: the first thing a code meets is a linear map; what this map stretches
most changes images most. GANSpace, Härkönen et al., NeurIPS 2020: the principal components of codes
or of activations.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Float64

if TYPE_CHECKING:
    from torch import Tensor

    from stylegan_cli.networks.generator import Generator

Matrix = Float[np.ndarray, "w_dim _"]
Rows = Float[np.ndarray, "n dim"]
LARGEST_COVARIANCE = 4096
"""Longer activations are first projected onto what their first batch spans."""


class Spectrum(NamedTuple):
    """Eigenvalues, descending, and their unit vectors in rows.

    The component of largest magnitude of each is positive.
    """

    values: Float64[np.ndarray, " n"]
    vectors: Float64[np.ndarray, "n dim"]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Principal components, the one of largest variance first.

    Attributes:
        vectors: Unit rows, each with its component of largest magnitude positive.
        std: Standard deviation of the coordinates along each, of the population.
        share: Of the whole variance.
    """

    mean: Float64[np.ndarray, " dim"]
    vectors: Float64[np.ndarray, "n dim"]
    std: Float64[np.ndarray, " n"]
    share: Float64[np.ndarray, " n"]

    def coordinates(self, rows: Rows) -> Float64[np.ndarray, "n components"]:
        """Return where rows lie along the components, in standard deviations."""
        along: Float64[np.ndarray, "n components"] = (rows - self.mean) @ self.vectors.T
        scaled: Float64[np.ndarray, "n components"] = along / self.std
        return scaled


class Covariance:
    """Mean and covariance of batches of rows, exact for any batch size."""

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.mean = np.zeros(dim)
        self._squares = np.zeros((dim, dim))

    def add(self, rows: Rows) -> None:
        """Take further rows into account, [Chan et al. 1979]."""
        batch = rows.astype(np.float64)
        batch_mean = batch.mean(axis=0)
        apart = batch_mean - self.mean
        centred = batch - batch_mean
        total = self.count + len(batch)
        self._squares += centred.T @ centred
        self._squares += np.outer(apart, apart) * (self.count * len(batch) / total)
        self.mean = self.mean + apart * (len(batch) / total)
        self.count = total

    @property
    def matrix(self) -> Float64[np.ndarray, "dim dim"]:
        """Return the covariance of the population."""
        return self._squares / self.count


def principal_components(covariance: Covariance, count: int | None = None) -> Components:
    """Return all or the first principal components of this covariance."""
    found = spectrum(covariance.matrix)
    variances = np.maximum(found.values, 0)
    return Components(
        mean=covariance.mean,
        vectors=found.vectors[:count],
        std=np.sqrt(variances[:count]),
        share=variances[:count] / variances.sum(),
    )


def activation_components(batches: Iterable[Rows], count: int) -> Components:
    """Return the components of activations, in memory that does not grow with the batches.

    Activations of more than `LARGEST_COVARIANCE` numbers are projected onto the span of the first
    batch, which must therefore be large.
    """
    basis: Float64[np.ndarray, "rank dim"] | None = None
    covariance: Covariance | None = None
    start: Float64[np.ndarray, " dim"] | None = None
    for batch in batches:
        if covariance is None or start is None:
            start = batch.mean(axis=0, dtype=np.float64)
            if batch.shape[1] > LARGEST_COVARIANCE:
                basis = np.linalg.svd(batch - start, full_matrices=False)[2].astype(np.float64)
            covariance = Covariance(batch.shape[1] if basis is None else len(basis))
        covariance.add(batch - start if basis is None else (batch - start) @ basis.T)
    assert covariance is not None and start is not None, "there is a batch at least"
    found = principal_components(covariance, count)
    vectors = found.vectors if basis is None else with_sign(found.vectors @ basis)
    mean = start + (covariance.mean if basis is None else covariance.mean @ basis)
    return Components(mean=mean, vectors=vectors, std=found.std, share=found.share)


def regress(
    coordinates: Float[np.ndarray, "n components"], codes: Float[np.ndarray, "n dim"]
) -> Float64[np.ndarray, "components dim"]:
    """Return directions of codes that move activations along components, least squares.

    min ‖A·M − Z‖ without intercept; the rows of M, not yet of unit length.

    Args:
        coordinates: A, as `Components.coordinates` gives them.
        codes: Z, which the activations come from.
    """
    solution = np.linalg.lstsq(coordinates.astype(np.float64), codes.astype(np.float64), rcond=None)
    rows: Float64[np.ndarray, "components dim"] = solution[0]
    return rows


def unit(rows: Rows) -> Float64[np.ndarray, "n dim"]:
    """Scale each row to length 1."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(rows / lengths)


def spectrum(symmetric: Float64[np.ndarray, "dim dim"]) -> Spectrum:
    """Return eigenvalues and eigenvectors of a symmetric matrix."""
    values, vectors = np.linalg.eigh(symmetric)
    return Spectrum(values=values[::-1].copy(), vectors=with_sign(vectors.T[::-1]))


def with_sign(rows: Float64[np.ndarray, "n dim"]) -> Float64[np.ndarray, "n dim"]:
    """Give each row the sign that makes its component of largest magnitude positive."""
    largest = np.abs(rows).argmax(axis=1)
    signs = np.sign(rows[np.arange(len(rows)), largest])
    signed: Float64[np.ndarray, "n dim"] = rows * np.where(signs == 0, 1, signs)[:, None]
    return signed


def first_maps(G: "Generator") -> dict[int, Matrix]:
    """Return the linear map that each w meets first, up to a factor, by the number of the w.

    With styles, that of the convolution it drives; the last w, which may drive none, meets that
    of the last toRGB layer. Without styles, the dense layer at the input; labels that are part of
    the code are left out.
    """
    from stylegan_cli.networks.styles import style_layers

    layers = style_layers(G)
    if not layers:
        dense: Tensor = G.synthesis.get_submodule("b4.input").weight  # type: ignore[assignment]
        return {0: _rows(dense if G.has_w else dense[:, : G.z_dim])}
    last = max(layer.w_index for layer in layers)
    own = [layer for layer in layers if not layer.is_rgb or layer.w_index == last]
    return {layer.w_index: _rows(layer.matrix) for layer in own}


def _rows(weight: "Tensor") -> Matrix:
    return weight.detach().T.cpu().double().numpy()


def sefa(maps: Iterable[Matrix]) -> Spectrum:
    """Return the eigenvectors of A·Aᵀ; A holds the columns of these maps, of unit length.

    The published program takes a general solver and does not sort, so that weak directions stand
    among strong ones there; this is symmetric and sorted. The values sum up to the columns.
    """
    columns = np.concatenate(list(maps), axis=1).astype(np.float64)
    columns = columns / np.linalg.norm(columns, axis=0)
    return spectrum(columns @ columns.T)
