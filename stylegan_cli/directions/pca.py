"""GANSpace: principal components of codes or of activations, Härkönen et al., NeurIPS 2020."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

Rows = Float[np.ndarray, "n dim"]
LARGEST_COVARIANCE = 4096
"""Longer activations are first projected onto what their first batch spans."""


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Directions in the order of their strength.

    Attributes:
        values: Descending.
        vectors: Unit rows; of each, the component of largest magnitude is positive.
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

    Activations of more than `LARGEST_COVARIANCE` numbers are looked at within the span of the
    first batch, which must therefore be large.
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
