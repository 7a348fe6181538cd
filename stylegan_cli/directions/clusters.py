"""Styles that a network knows: centres of clusters of what it draws."""

from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32, Float64

from stylegan_cli.directions.population import population
from stylegan_cli.errors import UsageError
from stylegan_cli.files import writing, written_whole
from stylegan_cli.networks.snapshot import Network


def cluster_centres(
    network: Network, count: int = 8, *, samples: int = 20_000, seed: int = 0
) -> tuple[Float32[np.ndarray, "count dim"], Float64[np.ndarray, " count"]]:
    """Find centres of so many clusters of W, the largest first, and the share of each.

    Raises:
        UsageError: The network has no w.
    """
    if not network.G.has_w:
        raise UsageError(
            "this network makes images straight from z, which has no clusters; take "
            "`sgtool discover pca`"
        )
    from sklearn.cluster import KMeans

    drawn = population(network, samples, seed=seed)
    found = KMeans(count, n_init=4, random_state=seed).fit(drawn.w)
    sizes = np.bincount(found.labels_, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    centres: np.ndarray = found.cluster_centers_[order].astype(np.float32)
    return centres, sizes[order] / len(drawn.w)


def write_centres(path: Path, network: Network, centres: Float32[np.ndarray, "count dim"]) -> None:
    """Write centres as codes that every study takes: `FILE.h5:centres`.

    Raises:
        OutputError: The path cannot be written.
    """
    with (
        written_whole(path) as temporary,
        writing(path, ValueError, RuntimeError),
        h5py.File(temporary, "w") as file,
    ):
        file.attrs["network_sha256"] = network.sha256
        file["centres/w"] = centres
