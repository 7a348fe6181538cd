"""From seeds and files to codes: z, w, one w per layer, truncated, mixed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from stylegan_cli.checkpoint import Network
from stylegan_cli.errors import UsageError
from stylegan_cli.networks.generator import Generator
from stylegan_cli.noise import NoiseMode
from stylegan_cli.picks import Pick, Stored, format_picks
from stylegan_cli.plan import Codes, join_codes
from stylegan_cli.ranges import SEEDS
from stylegan_cli.results.codes import StoredCodes, read_codes
from stylegan_cli.results.kinds import CodeShapes
from stylegan_cli.runtime import stream_seed
from stylegan_cli.shapes import W1, Labels, W, Ws


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How seeds become images.

    Attributes:
        psi: Truncation strength: 1 changes nothing, 0 gives the mean of W.
        cutoff: Truncate only layers [0, cutoff); None truncates all.
        class_name: Name or index of the class to draw; None is the first class, if any.
    """

    psi: float = 1.0
    cutoff: int | None = None
    noise_mode: NoiseMode = "const"
    class_name: str | None = None


PLAIN = Sampling()


def z_of_seeds(seeds: Sequence[int], z_dim: int) -> Float32[np.ndarray, "n z_dim"]:
    """One z per seed, the field's way: `RandomState(seed).randn(z_dim)`.

    Raises:
        UsageError: NumPy takes no such seed.
    """
    for seed in seeds:
        if seed not in SEEDS:
            raise UsageError(f"seed {seed}: out of range; the valid range is 0-{SEEDS[-1]}")
    rows = [np.random.RandomState(seed).randn(z_dim) for seed in seeds]
    return np.asarray(rows, np.float32).reshape(-1, z_dim)


def map_latents(
    G: Generator,
    z: Float32[np.ndarray, "n z_dim"],
    labels: Float32[np.ndarray, "n c_dim"],
) -> W:
    """One w per z; each is the same to the bit whatever its neighbours are."""
    device = G.mapping.w_avg.device
    zs, cs = torch.from_numpy(z).to(device), torch.from_numpy(labels).to(device)
    # one at a time: another batch size changes the last bits, and this network is the cheap one
    with torch.no_grad():
        return torch.cat([G.mapping(zs[i : i + 1], cs[i : i + 1]) for i in range(len(zs))])


def broadcast_layers(w: W, num_ws: int) -> Ws:
    """The same w for every layer."""
    return w.unsqueeze(1).expand(-1, num_ws, -1)


def truncate(ws: Ws, w_avg: W1, psi: float, cutoff: int | None = None) -> Ws:
    """Move each w towards the mean of W: w_avg + psi · (w − w_avg).

    The truncation trick, [SG1] appendix B.

    Args:
        psi: 1 changes nothing, 0 gives w_avg, below 0 the opposite of w.
        cutoff: Only layers [0, cutoff) move; None moves all.

    Raises:
        UsageError: psi is not finite, or there are no such layers.
    """
    num_ws = ws.shape[1]
    if not isfinite(psi):
        raise UsageError(f"--psi {psi}: not a finite number; 1 leaves the images as they are")
    if cutoff is not None and not 0 <= cutoff <= num_ws:
        raise UsageError(f"--cutoff {cutoff}: out of range; the valid range is 0-{num_ws}")
    if psi == 1:
        return ws
    # psi 0 must give w_avg to the bit, so not torch.lerp
    moved = w_avg + psi * (ws - w_avg)
    return moved if cutoff is None else torch.cat([moved[:, :cutoff], ws[:, cutoff:]], dim=1)


def truncate_codes(network: Network, codes: Codes, psi: float, cutoff: int | None = None) -> Codes:
    """A table of codes, moved towards the mean of W as `truncate` does.

    Raises:
        UsageError: psi is not finite, or there are no such layers.
    """
    w_avg = network.G.mapping.w_avg
    ws = torch.from_numpy(codes.ws.reshape(-1, *codes.ws.shape[-2:])).to(w_avg.device)
    moved = truncate(ws, w_avg, psi, cutoff).cpu().numpy()
    return replace(codes, ws=moved.reshape(codes.ws.shape))


def mean_code(network: Network) -> Codes:
    """The code of the mean of W: a table of one image, without axes."""
    G = network.G
    ws = G.mapping.w_avg.cpu().numpy()[None].repeat(G.num_ws, axis=0)
    noise = np.array(_noise_seed_of_code(ws), np.int64)
    return Codes(ws=ws, noise_seed=noise, labels=np.zeros(network.c_dim, np.float32))


def mix_layers(
    ws_rows: Float32[np.ndarray, "rows num_ws w_dim"],
    ws_cols: Float32[np.ndarray, "cols num_ws w_dim"],
    layers: Sequence[int],
) -> Float32[np.ndarray, "rows cols num_ws w_dim"]:
    """Every row with every column: the column's w in these layers, the row's in all others."""
    taken = np.isin(np.arange(ws_rows.shape[1]), layers)
    return np.where(taken[:, None], ws_cols[None, :], ws_rows[:, None])


def class_index(classes: Sequence[str], c_dim: int, chosen: str | None) -> int | None:
    """Position of the chosen class; the first where none is chosen, None without classes.

    Args:
        classes: Names of the classes, if they have names.
        c_dim: Number of classes.
        chosen: A name, or an index in digits.

    Raises:
        UsageError: There is no such class.
    """
    if c_dim == 0:
        if chosen is not None:
            raise UsageError(f"--class {chosen}: the network has no classes; leave --class out")
        return None
    if chosen is None:
        return 0
    if chosen in classes:
        return classes.index(chosen)
    if chosen.isdecimal() and int(chosen) < c_dim:
        return int(chosen)
    named = f" or one of {', '.join(classes)}" if classes else ""
    raise UsageError(f"--class {chosen}: no such class; choose 0-{c_dim - 1}{named}")


def class_names(network: Network) -> tuple[str, ...]:
    """What to call each class: its name, or its number where it has none."""
    return network.classes or tuple(map(str, range(network.c_dim)))


def sampling_request(network: Network, sampling: Sampling) -> dict[str, Any]:
    """The sampling as a study's request holds it, the class by its index."""
    return {
        "psi": sampling.psi,
        "cutoff": sampling.cutoff,
        "noise_mode": sampling.noise_mode,
        "class": class_index(network.classes, network.c_dim, sampling.class_name),
    }


def check_possible(G: Generator, sampling: Sampling) -> None:
    """Refuse what the generator has no means for.

    Raises:
        UsageError: Truncation without w or layers, or a noise mode without noise inputs.
    """
    if sampling.psi != 1 and not G.has_w:
        raise UsageError(
            f"--psi {sampling.psi:g}: this network makes images straight from z and has no w to "
            "truncate; leave --psi out"
        )
    if sampling.cutoff is not None and not G.has_styles:
        raise UsageError(
            f"--cutoff {sampling.cutoff}: this network has one code for all layers; "
            "leave --cutoff out"
        )
    if sampling.noise_mode != "const" and not G.has_noise:
        raise UsageError(
            f"--noise-mode {sampling.noise_mode}: this network has no noise inputs, its images "
            "depend on their seeds alone; leave --noise-mode out"
        )


def noise_seed(seed: int) -> int:
    """Seed of the random noise of the image of this seed."""
    return stream_seed(seed, "noise")


def codes_of_seeds(network: Network, seeds: Sequence[int], sampling: Sampling) -> Codes:
    """The code of each seed, truncated.

    Raises:
        UsageError: A seed, the truncation, the noise mode or the class is not possible with this
            network.
    """
    G = network.G
    check_possible(G, sampling)
    z = z_of_seeds(seeds, G.z_dim)
    labels = _labels(network, len(z), sampling)
    ws = broadcast_layers(map_latents(G, z, labels), G.num_ws)
    ws = truncate(ws, G.mapping.w_avg, sampling.psi, sampling.cutoff)
    return Codes(
        ws=ws.cpu().numpy(),
        noise_seed=np.array([noise_seed(seed) for seed in seeds], np.int64),
        labels=labels,
        z=z,
    )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The codes of some picks, one after another, and how to speak of them.

    Attributes:
        names: What to call each beside a picture.
        request: The picks as a study's request holds them: as written, and a hash of the codes
            in files.
        notes: How each file was read.
    """

    codes: Codes
    names: tuple[str, ...]
    request: str
    notes: tuple[str, ...] = ()


def codes_of_picks(network: Network, picks: Sequence[Pick], sampling: Sampling) -> Picked:
    """The codes of seeds and of files, truncated; what a file calls w or ws is truncated again.

    Labels and noise seeds in a file are kept, but a class that was chosen goes before the label
    of a z.

    Raises:
        UsageError: A seed, the truncation, the noise mode or the class is not possible with this
            network, or a file holds no codes of it.
        DataError: A file is not there or damaged.
    """
    check_possible(network.G, sampling)
    files = {pick: _read(network, pick) for pick in picks if isinstance(pick, Stored)}
    called = _short_names(pick.path for pick in files)
    parts: list[Codes] = []
    names: list[str] = []
    for pick in picks:
        if isinstance(pick, int):
            parts.append(codes_of_seeds(network, [pick], sampling))
            names.append(str(pick))
        else:
            parts.append(_codes_of_stored(network, files[pick], sampling))
            names += (f"{called[pick.path]} {place}".strip() for place in files[pick].places)
    content = sha256("".join(stored.sha256 for stored in files.values()).encode()).hexdigest()
    return Picked(
        codes=join_codes(parts),
        names=tuple(names),
        request=format_picks(picks) + (f" (codes {content[:16]})" if files else ""),
        notes=tuple(stored.note for stored in files.values()),
    )


def _read(network: Network, pick: Stored) -> StoredCodes:
    G = network.G
    shapes = CodeShapes(z_dim=G.z_dim, w_dim=G.w_dim, num_ws=G.num_ws, has_w=G.has_w)
    stored = read_codes(pick, shapes, network.c_dim)
    if stored.kind == "z" or stored.network_sha256 in (None, network.sha256):
        return stored
    return replace(stored, note=f"{stored.note}; of another network, so the image will be another")


def _short_names(paths: Iterable[Path]) -> dict[Path, str]:
    """The files' names without folders, where those tell them apart."""
    paths = set(paths)
    count = Counter(path.stem for path in paths)
    # a number alone would read as a seed
    return {
        path: str(path) if count[path.stem] > 1 or path.stem.isdecimal() else path.stem
        for path in paths
    }


def _codes_of_stored(network: Network, stored: StoredCodes, sampling: Sampling) -> Codes:
    G, is_z = network.G, stored.kind == "z"
    values, labels = stored.values, stored.labels
    if labels is None or (is_z and sampling.class_name is not None):
        labels = _labels(network, len(values), sampling)
    found = torch.from_numpy(values).to(G.mapping.w_avg.device)
    if is_z:
        found = map_latents(G, values, labels)
    ws = found if stored.kind == "ws" else broadcast_layers(found, G.num_ws)
    noise = stored.noise_seed
    if noise is None:
        noise = np.array([_noise_seed_of_code(code) for code in values], np.int64)
    return Codes(
        ws=truncate(ws, G.mapping.w_avg, sampling.psi, sampling.cutoff).cpu().numpy(),
        noise_seed=noise,
        labels=labels,
        z=values if is_z else None,
    )


def _labels(network: Network, count: int, sampling: Sampling) -> Labels:
    labels = np.zeros((count, network.c_dim), np.float32)
    chosen = class_index(network.classes, network.c_dim, sampling.class_name)
    if chosen is not None:
        labels[:, chosen] = 1
    return labels


def _noise_seed_of_code(code: np.ndarray) -> int:
    """Seed of the random noise of a code that came without one: equal codes, equal noise."""
    return int.from_bytes(sha256(code.tobytes()).digest()[:8], "little") >> 1
