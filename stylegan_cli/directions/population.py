"""The codes that a network itself draws: the measure of every direction; clusters of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Float32, Float64

from stylegan_cli.directions.components import Components, Covariance, principal_components
from stylegan_cli.errors import UsageError
from stylegan_cli.hdf5 import written_hdf5
from stylegan_cli.latents.labels import usual_label
from stylegan_cli.latents.sampling import broadcast_layers
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Ws

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

SIZE = 20_000
AT_ONCE = 4096
FLAT = 1e-3
"""Eigenvalues below this share of the largest are raised to it: small networks have flat ones."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Codes of a network, not truncated.

    Attributes:
        z: Of length √z_dim, as networks take them.
        w: Output of the mapping network, or z with its label if it has no layers.
        codes: Those that directions move: w, or z where the network has no w.
    """

    z: Float32[np.ndarray, "n z_dim"]
    w: Float32[np.ndarray, "n w_dim"]
    labels: Float32[np.ndarray, "n c_dim"]
    codes: Float32[np.ndarray, "n dim"]

    @cached_property
    def components(self) -> Components:
        """Return principal components of w."""
        covariance = Covariance(self.w.shape[1])
        covariance.add(self.w)
        return principal_components(covariance)

    @cached_property
    def distances(self) -> Float64[np.ndarray, " n"]:
        """Return each w's own distance from the mean, ascending."""
        return np.sort(self.distance(self.w))

    def spread(self, unit: Float[np.ndarray, " dim"]) -> tuple[float, float]:
        """Return standard deviation and mean of the samples' coordinates along a direction."""
        codes = self.w if len(unit) == self.w.shape[1] else self.z
        along = codes @ unit.astype(np.float64)
        return float(along.std()), float(along.mean())

    def distance(self, w: Float[np.ndarray, "n w_dim"]) -> Float64[np.ndarray, " n"]:
        """Return how far out codes lie: 1 for samples in any number of dimensions.

        The root mean square of their coordinates along the principal components, in standard
        deviations.
        """
        centred = w.astype(np.float64) - self.components.mean
        return np.asarray(np.sqrt((self.whitened(centred) ** 2).mean(axis=1)))

    def whitened(self, offsets: Float[np.ndarray, "*n w_dim"]) -> Float64[np.ndarray, "*n w_dim"]:
        """Return offsets of w in coordinates in which samples vary equally in all directions."""
        found = self.components
        std = np.maximum(found.std, np.sqrt(FLAT) * found.std[0])
        return np.asarray(offsets @ found.vectors.T / std)

    def percentile(self, w: Float[np.ndarray, "n w_dim"]) -> Float64[np.ndarray, " n"]:
        """Return the share of the samples that lie further in than each code, in percent."""
        inside = np.searchsorted(self.distances, self.distance(w))
        return np.asarray(100 * inside / len(self.distances))


_latest: "WeakKeyDictionary[Generator, tuple[tuple[int, int | None, int], Population]]" = (
    WeakKeyDictionary()
)


def population(
    network: Network, count: int = SIZE, *, class_index: int | None = None, seed: int = 0
) -> Population:
    """Return codes that a network draws; the latest ones are kept for the next call.

    Args:
        class_index: Of one class alone; None takes all of them in turn.
    """
    asked = (count, class_index, seed)
    known, found = _latest.get(network.G, (None, None))
    if known == asked and found is not None:
        return found
    batches = list(sampled(network, count, class_index=class_index, seed=seed))
    z, w, labels = (
        np.concatenate([getattr(batch, name) for batch in batches]) for name in ("z", "w", "labels")
    )
    found = Population(z=z, w=w, labels=labels, codes=w if network.G.has_w else z)
    _latest[network.G] = (asked, found)
    return found


def sampled(
    network: Network, count: int, *, class_index: int | None = None, seed: int = 0
) -> Iterator[Population]:
    """Yield what `population` draws, in batches."""
    import torch

    G = network.G
    for start in range(0, count, AT_ONCE):
        numbers = np.arange(start, min(start + AT_ONCE, count))
        stream = numpy_stream(seed, "population", start)
        z = stream.standard_normal((len(numbers), G.z_dim), dtype=np.float32)
        z /= np.sqrt((z**2).mean(axis=1, keepdims=True))
        labels = np.zeros((len(z), network.c_dim), np.float32)
        if network.c_dim:
            of_class = numbers % network.c_dim if class_index is None else [class_index] * len(z)
            labels[:] = [usual_label(network, int(number)) for number in of_class]
        device = G.mapping.w_avg.device
        with torch.no_grad():
            # in batches: directions need no last digits
            w = G.mapping(torch.from_numpy(z).to(device), torch.from_numpy(labels).to(device))
            w = w.cpu().numpy()
        yield Population(z=z, w=w, labels=labels, codes=w if G.has_w else z)


def layers_of(network: Network, w: Float32[np.ndarray, "n w_dim"]) -> Ws:
    """Repeat w for every layer, where the network is."""
    import torch

    device = network.G.mapping.w_avg.device
    return broadcast_layers(torch.from_numpy(w).to(device), network.G.num_ws)


def cluster_centres(
    network: Network, count: int = 8, *, samples: int = 20_000, seed: int = 0
) -> tuple[Float32[np.ndarray, "count dim"], Float64[np.ndarray, " count"]]:
    """Find the centres of clusters of W, the largest first, and the share of each."""
    if not network.sizes.has_w:
        raise UsageError(
            "this network makes images straight from z, which has no clusters; take "
            "`sgtool discover pca`"
        )
    if count > samples:
        raise UsageError(
            f"more than the {samples} codes to draw; take fewer, or more `samples`",
            parameter="count",
            value=count,
        )
    from sklearn.cluster import KMeans

    drawn = population(network, samples, seed=seed)
    found = KMeans(count, n_init=4, random_state=seed).fit(drawn.w)
    sizes = np.bincount(found.labels_, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    centres: np.ndarray = found.cluster_centers_[order].astype(np.float32)
    return centres, sizes[order] / len(drawn.w)


def write_centres(path: Path, network: Network, centres: Float32[np.ndarray, "count dim"]) -> None:
    """Write centres as codes that every study takes: `FILE.h5:centres`."""
    with written_hdf5(path) as file:
        file.attrs["network_sha256"] = network.sha256
        file["centres/w"] = centres
