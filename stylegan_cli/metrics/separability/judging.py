"""Images of a network, and their attributes as classifiers judge them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from stylegan_cli.data.dataset import Dataset
from stylegan_cli.errors import MetricError
from stylegan_cli.latents.sampling import broadcast_layers, map_latents, noise_seed, z_of_seeds
from stylegan_cli.metrics.fakes import seeds_of
from stylegan_cli.metrics.separability.classifier import Panel
from stylegan_cli.networks.layers import upscale
from stylegan_cli.networks.noise import NoiseInput, noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Images, Labels

MAPPED_AT_ONCE = 4096


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


def judge(faces: Faces, panel: Panel, part: range) -> Float32[np.ndarray, "n attributes"]:
    """Return the classifiers' judgements of consecutive images.

    Raises:
        MetricError: The network makes images with NaN or infinite values.
    """
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
    G, seeds = faces.network.G, seeds_of(faces.seed, part)
    with torch.no_grad():
        w = map_latents(G, z_of_seeds(seeds, G.z_dim), labels_of(faces, part))
        noise: NoiseInput = "none"
        if G.has_noise:
            own = [noise_seed(seed) for seed in seeds]
            maps = noise_maps(G.synthesis.noise_resolutions, own, torch.device("cpu"))
            noise = [layer.to(w.device) for layer in maps]
        return upscale(G.synthesis(broadcast_layers(w, G.num_ws), noise), G.resolution)


def labels_of(faces: Faces, part: range) -> Labels:
    """Return labels of images of the data set, chosen by the seeds."""
    labels = np.zeros((len(part), faces.network.c_dim), np.float32)
    if not faces.network.c_dim:
        return labels
    dataset = faces.dataset
    assert dataset is not None, "networks with labels have been given a data set"
    for label, seed in zip(labels, seeds_of(faces.seed, part), strict=True):
        stream = numpy_stream(seed, "label of an evaluation")
        label[:] = dataset.label(int(stream.integers(len(dataset))))
    return labels


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
