"""Codes from seeds: z, w, one w per layer, truncated, mixed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.labels import class_index, parse_label, usual_label
from stylegan_cli.networks.execution import precision_claim
from stylegan_cli.networks.noise import NoiseMode
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import SEEDS
from stylegan_cli.runtime import stream_seed
from stylegan_cli.shapes import W1, Labels, W, Ws

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Settings for turning seeds into images.

    Attributes:
        psi: Truncation strength: 1 changes nothing, 0 gives the mean of W.
        cutoff: Truncate only layers [0, cutoff); None truncates all.
        class_name: Name or index of the class to draw; None is the first class, if any.
        label: A label as it is typed, of numbers or of shares of classes, such as `0.3,0.7` or
            `smile=0.5`; of a network whose labels are numbers, None is their mean.
    """

    psi: float = 1.0
    cutoff: int | None = None
    noise_mode: NoiseMode = "const"
    class_name: str | None = None
    label: str | None = None


PLAIN = Sampling()


def z_of_seeds(seeds: Sequence[int], z_dim: int) -> Float32[np.ndarray, "n z_dim"]:
    """Draw one z per seed in the usual way: `RandomState(seed).randn(z_dim)`."""
    check_seeds(seeds)
    rows = [np.random.RandomState(seed).randn(z_dim) for seed in seeds]
    return np.asarray(rows, np.float32).reshape(-1, z_dim)


def check_seeds(seeds: Iterable[int]) -> None:
    """Raise a `UsageError` if NumPy takes no such seed."""
    for seed in seeds:
        if seed not in SEEDS:
            raise UsageError(f"seed {seed}: out of range; the valid range is 0-{SEEDS[-1]}")


def map_latents(
    G: "Generator",
    z: Float32[np.ndarray, "n z_dim"],
    labels: Float32[np.ndarray, "n c_dim"],
) -> W:
    """Map each z to a w; each result is bit-identical in any batch."""
    import torch

    device = G.mapping.w_avg.device
    zs, cs = torch.from_numpy(z).to(device), torch.from_numpy(labels).to(device)
    # one at a time: another batch size changes the last bits, and this network is the cheap one
    with torch.no_grad():
        return torch.cat([G.mapping(zs[i : i + 1], cs[i : i + 1]) for i in range(len(zs))])


def broadcast_layers(w: W, num_ws: int) -> Ws:
    """Repeat the w for every layer."""
    return w.unsqueeze(1).expand(-1, num_ws, -1)


def truncate(ws: Ws, w_avg: W1, psi: float, cutoff: int | None = None) -> Ws:
    """Move each w towards the mean of W: w_avg + psi · (w − w_avg).

    The truncation trick, [SG1] appendix B.

    Args:
        psi: 1 changes nothing, 0 gives w_avg, below 0 the opposite of w.
        cutoff: Only layers [0, cutoff) move; None moves all.
    """
    _check_truncation(psi, cutoff, num_ws=ws.shape[1])
    if psi == 1:
        return ws
    import torch

    # psi 0 must give w_avg to the bit, so not torch.lerp
    moved = w_avg + psi * (ws - w_avg)
    return moved if cutoff is None else torch.cat([moved[:, :cutoff], ws[:, cutoff:]], dim=1)


def _check_truncation(psi: float, cutoff: int | None, *, num_ws: int) -> None:
    if not isfinite(psi):
        raise UsageError(
            "not a finite number; 1 leaves the images as they are", parameter="psi", value=psi
        )
    if cutoff is not None and not 0 <= cutoff <= num_ws:
        raise UsageError(
            f"out of range; the valid range is 0-{num_ws}", parameter="cutoff", value=cutoff
        )


def truncate_codes(G: "Generator", codes: Codes, psi: float, cutoff: int | None = None) -> Codes:
    """Move a table of codes towards the mean of W as `truncate` does; offsets of styles shrink."""
    import torch

    from stylegan_cli.networks.styles import style_indices

    w_avg = G.mapping.w_avg
    ws = torch.from_numpy(codes.ws.reshape(-1, *codes.ws.shape[-2:])).to(w_avg.device)
    moved = truncate(ws, w_avg, psi, cutoff).cpu().numpy()
    offsets = codes.style_offsets
    if offsets is not None and psi != 1:
        moves = style_indices(G) < (G.num_ws if cutoff is None else cutoff)
        offsets = np.where(moves, np.float32(psi), np.float32(1)) * offsets
    return replace(codes, ws=moved.reshape(codes.ws.shape), style_offsets=offsets)


def mean_code(network: Network) -> Codes:
    """Return the code of the mean of W: a table of one image, without axes."""
    G = network.G
    ws = G.mapping.w_avg.cpu().numpy()[None].repeat(G.num_ws, axis=0)
    noise = np.array(noise_seed_of_code(ws), np.int64)
    return Codes(ws=ws, noise_seed=noise, labels=np.zeros(network.c_dim, np.float32))


def mix_layers(
    rows: Float32[np.ndarray, "rows num_ws w_dim"],
    cols: Float32[np.ndarray, "cols num_ws w_dim"],
    layers: Sequence[int],
) -> Float32[np.ndarray, "rows cols num_ws w_dim"]:
    """Mix every row with every column: the column's w in these layers, else the row's."""
    taken = np.isin(np.arange(rows.shape[1]), layers)
    return np.where(taken[:, None], cols[None, :], rows[:, None])


def sampling_request(network: Network, sampling: Sampling) -> dict[str, Any]:
    """Return the sampling as a study's request holds it, the class by its index."""
    return {
        "psi": sampling.psi,
        "cutoff": sampling.cutoff,
        "noise_mode": sampling.noise_mode,
        **label_request(network, sampling),
        **precision_claim(network.precision),
    }


def label_request(network: Network, sampling: Sampling) -> dict[str, Any]:
    """Return the class as a study's request holds it, or the label of numbers."""
    if sampling.label is None and not network.label_columns:
        return {"class": class_index(network, sampling.class_name)}
    return {"class": None, "label": [round(float(n), 6) for n in label_of(network, sampling)]}


def label_of(network: Network, sampling: Sampling) -> Float32[np.ndarray, " c_dim"]:
    """Return the label that is chosen, or the usual one of the network."""
    if sampling.label is None:
        return usual_label(network, class_index(network, sampling.class_name))
    if sampling.class_name is not None:
        raise UsageError("`class` and `label`: a class is a label; give one of them")
    return parse_label(network, sampling.label)


def check_possible(network: Network, sampling: Sampling) -> None:
    """Raise a `UsageError` if the network cannot truncate so, or has no such noise."""
    sizes = network.sizes
    if sampling.psi != 1 and not sizes.has_w:
        raise UsageError(
            "this network makes images straight from z and has no w to truncate; leave `psi` out",
            parameter="psi",
            value=f"{sampling.psi:g}",
        )
    if sampling.cutoff is not None and not sizes.has_styles:
        raise UsageError(
            "this network has one code for all layers; leave `cutoff` out",
            parameter="cutoff",
            value=sampling.cutoff,
        )
    if sampling.noise_mode != "const" and not sizes.has_noise:
        raise UsageError(
            "this network has no noise inputs, its images "
            "depend on their seeds alone; leave `noise_mode` out",
            parameter="noise_mode",
            value=sampling.noise_mode,
        )
    _check_truncation(sampling.psi, sampling.cutoff, num_ws=sizes.num_ws)


def check_moves(network: Network, shifts: bool, turns: bool) -> None:
    """Raise a `UsageError` if pictures shall be shifted or turned, and the network cannot."""
    if (shifts or turns) and not network.sizes.can_move:
        raise UsageError(
            "the input of this network cannot be moved, as that of StyleGAN3 can; leave it out",
            parameter="translate" if shifts else "rotate",
        )


def noise_seed(seed: int) -> int:
    """Return the seed of the random noise for the image of this seed."""
    return stream_seed(seed, "noise")


def noise_seed_of_code(code: np.ndarray) -> int:
    """Derive a noise seed from a code that has none: equal codes, equal noise."""
    return int.from_bytes(sha256(code.tobytes()).digest()[:8], "little") >> 1


def codes_of_seeds(
    network: Network, seeds: Sequence[int], sampling: Sampling, labels: Labels | None = None
) -> Codes:
    """Return the code of each seed, truncated.

    Args:
        labels: Label of each; None takes that of the chosen class.
    """
    check_possible(network, sampling)
    G = network.G
    z = z_of_seeds(seeds, G.z_dim)
    if labels is None:
        labels = np.tile(label_of(network, sampling), (len(z), 1))
    ws = broadcast_layers(map_latents(G, z, labels), G.num_ws)
    ws = truncate(ws, G.mapping.w_avg, sampling.psi, sampling.cutoff)
    return Codes(
        ws=ws.cpu().numpy(),
        noise_seed=np.array([noise_seed(seed) for seed in seeds], np.int64),
        labels=labels,
        z=z,
    )
