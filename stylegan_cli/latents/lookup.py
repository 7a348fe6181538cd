"""Lookup of codes by seed, or in files."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.references import Pick, Stored, as_picks, format_picks
from stylegan_cli.latents.sampling import (
    Sampling,
    broadcast_layers,
    check_possible,
    check_seeds,
    codes_of_seeds,
    label_of,
    map_latents,
    noise_seed_of_code,
    truncate_codes,
)
from stylegan_cli.latents.stored_codes import StoredCodes, read_codes
from stylegan_cli.networks.snapshot import Network

LONGEST_TITLE = 40
"""Longer lists of seeds are only counted above the picture; every image has its name."""


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The codes of some picks, in order, and the names to show for them.

    Attributes:
        make: Computes the codes, which takes the network's weights.
        has_z: Each code comes from a z.
        names: Label of each beside a picture.
        title: Title of a sheet of them.
        request: The picks as a study's request holds them: as written, and a hash of the codes
            in files.
        notes: Notes on reading each file.
    """

    make: Callable[[], Codes]
    names: tuple[str, ...]
    title: str
    request: str
    has_z: bool
    notes: tuple[str, ...] = ()

    @cached_property
    def codes(self) -> Codes:
        """The codes, computed when they are first needed."""
        return self.make()


def codes_of_picks(network: Network, picks: Sequence[Pick], sampling: Sampling) -> Picked:
    """Return the codes of seeds and files, truncated; w and ws of files are truncated too.

    Labels and noise seeds in a file are kept, but a class that was chosen goes before the label
    of a z.

    Raises:
        UsageError: A seed, the truncation, the noise mode or the class is not possible with this
            network, or a file holds no codes of it.
        DataError: A file is missing or damaged.
    """
    check_possible(network, sampling)
    picks = as_picks(picks)
    check_seeds(pick for pick in picks if isinstance(pick, int))
    files = {pick: _read(network, pick) for pick in picks if isinstance(pick, Stored)}
    called = _short_names(pick.path for pick in files)
    names: list[str] = []
    for pick in picks:
        if isinstance(pick, int):
            names.append(str(pick))
        else:
            names += (f"{called[pick.path]} {place}".strip() for place in files[pick].places)
    content = sha256("".join(stored.sha256 for stored in files.values()).encode()).hexdigest()
    written = format_picks(picks)
    return Picked(
        make=lambda: join_codes([_codes(network, pick, files, sampling) for pick in picks]),
        names=tuple(names),
        title=f"seeds {written}" if len(written) <= LONGEST_TITLE else f"{len(names)} seeds",
        request=written + (f" (codes {content[:16]})" if files else ""),
        has_z=all(stored.kind == "z" for stored in files.values()),
        notes=tuple(stored.note for stored in files.values()),
    )


def _codes(
    network: Network, pick: Pick, files: Mapping[Stored, StoredCodes], sampling: Sampling
) -> Codes:
    if isinstance(pick, int):
        return codes_of_seeds(network, [pick], sampling)
    return _codes_of_stored(network, files[pick], sampling)


def _read(network: Network, pick: Stored) -> StoredCodes:
    stored = _with_fitting_noise(network, read_codes(pick, network.sizes))
    if stored.style_offsets is not None:
        _check_channels(network, pick, stored.style_offsets.shape[1])
    tuned_from = network.provenance.get("tuned_from")
    if stored.kind == "z" or stored.network_sha256 in (None, network.sha256, tuned_from):
        return stored
    return replace(
        stored, note=f"{stored.note}; made for another network, so the image will differ"
    )


def _with_fitting_noise(network: Network, stored: StoredCodes) -> StoredCodes:
    """Drop noise maps that do not fit the noise inputs of the network."""
    if stored.own_noise is None:
        return stored
    sizes = [size.shape for size in network.sizes.noise_sizes]
    maps = [own.maps for own in stored.own_noise if own is not None]
    if all([each.shape for each in own] == sizes for own in maps):
        return stored
    note = f"{stored.note}; its noise maps are for another network, so they are not used"
    return replace(stored, own_noise=None, note=note)


def _check_channels(network: Network, pick: Stored, count: int) -> None:
    from stylegan_cli.networks.styles import style_indices

    found = len(style_indices(network.G))
    if count != found:
        raise UsageError(
            f"{pick.text}: moves {count:,} style channels beside its codes, and this network has "
            f"{found:,}; take the network that the codes were made for"
        )


def _short_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the files' names without folders if they stay distinct."""
    paths = set(paths)
    count = Counter(path.stem for path in paths)
    # a bare number would read as a seed
    return {
        path: str(path) if count[path.stem] > 1 or path.stem.isdecimal() else path.stem
        for path in paths
    }


def _codes_of_stored(network: Network, stored: StoredCodes, sampling: Sampling) -> Codes:
    import torch

    G, is_z = network.G, stored.kind == "z"
    values, labels = stored.values, stored.labels
    chosen = sampling.class_name is not None or sampling.label is not None
    if labels is None or (is_z and chosen):
        labels = np.tile(label_of(network, sampling), (len(values), 1))
    found = torch.from_numpy(values).to(G.mapping.w_avg.device)
    if is_z:
        found = map_latents(G, values, labels)
    ws = found if stored.kind == "ws" else broadcast_layers(found, G.num_ws)
    noise = stored.noise_seed
    if noise is None:
        noise = np.array([noise_seed_of_code(code) for code in values], np.int64)
    codes = Codes(
        ws=ws.cpu().numpy(),
        noise_seed=noise,
        labels=labels,
        z=values if is_z else None,
        style_offsets=stored.style_offsets,
        own_noise=stored.own_noise,
    )
    return truncate_codes(G, codes, sampling.psi, sampling.cutoff)
