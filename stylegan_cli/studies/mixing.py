"""A mixing matrix: every row's image with some layers of every column's."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling, mix_layers, sampling_request
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.ranges import format_ints, parse_layers
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.rendering.sheet import BANDS, compose_bands


def mix(
    network: Network,
    rows: Sequence[Pick],
    cols: Sequence[Pick],
    *,
    crossover: Sequence[int] = (),
    layers: Sequence[str] = (),
    sampling: Sampling = PLAIN,
) -> Plan:
    """Plan every row's image mixed with every column's, [SG1] section 3.1: rows × columns.

    Rows and columns of equal seed give that seed's image. Several crossovers or lists of layers
    give several matrices, a sheet each and all of them on one; without either, the crossover is
    the middle one of the layers in use.

    Args:
        rows: Seeds, or codes in files.
        cols: Alike.
        crossover: First layers that take the column's style: 0 gives the column's image,
            num_ws the row's.
        layers: Instead of crossovers, lists of the layers that take the column's style, such as
            `coarse` or `0-3,8-`.
    """
    if not network.sizes.has_styles:
        raise UsageError(
            "mix: this network has one code for all layers, so there are no styles to mix; "
            "draw single images with `sgtool grid`"
        )
    taken = _taken_layers(network.sizes, crossover, layers)
    row, col = (codes_of_picks(network, picks, sampling) for picks in (rows, cols))

    def make() -> Tables:
        matrices = [_matrix(network, row.codes, col.codes, chosen) for chosen in taken.values()]
        return Tables(
            codes=matrices[0] if len(matrices) == 1 else join_codes(matrices, np.stack),
            sources={"row": row.codes, "col": col.codes},
        )

    return Plan(
        study="mix",
        request={
            "rows": row.request,
            "cols": col.request,
            "matrices": list(taken),
            **sampling_request(network, sampling),
        },
        noise_mode=sampling.noise_mode,
        axes={"row": row.names, "col": col.names},
        sheets=tuple(taken),
        make=make,
        pictures={BANDS: compose_bands} if len(taken) > 1 else {},
        notes=row.notes + col.notes + tuple(_idle_matrices(network.sizes, taken)),
    )


def _taken_layers(
    sizes: Sizes, crossover: Sequence[int], layers: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the layers that take the column's style in each matrix, by matrix name."""
    num_ws = sizes.num_ws
    if crossover and layers:
        raise UsageError("`crossover` and `layers`: both choose layers; give one of them")
    if layers:
        levels = sizes.layer_levels
        taken = {}
        for text in layers:
            chosen = parse_layers(text, levels)
            group = f"{text} " if text.isalpha() and text != "all" else ""
            taken[f"{group}layers {format_ints(chosen)}"] = chosen
        return taken
    starts = crossover or (sizes.active_ws // 2,)
    check_crossovers(sizes, starts)
    return {f"crossover {start}": tuple(range(start, num_ws)) for start in starts}


def check_crossovers(sizes: Sizes, starts: Sequence[int]) -> None:
    """Raise a `UsageError` if styles cannot change over at these layers."""
    for start in starts:
        if not 0 <= start <= sizes.num_ws:
            raise UsageError(
                f"out of range; the valid range is 0-{sizes.num_ws}",
                parameter="crossover",
                value=start,
            )


def _idle_matrices(sizes: Sizes, taken: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for name, layers in taken.items():
        if layers and min(layers) >= sizes.active_ws:
            yield (
                f"{name}: has no effect, as the network has grown to {sizes.grown_size.value} px "
                f"so far and uses layers 0-{sizes.active_ws - 1}"
            )


def _matrix(network: Network, rows: Codes, cols: Codes, layers: Sequence[int]) -> Codes:
    shape = (*rows.shape, *cols.shape)
    # noise belongs to whoever gives the first layer, so that a matrix of one side's styles
    # alone is that side's images with random noise too
    giver, axes = (cols, (None, slice(None))) if 0 in layers else (rows, (slice(None), None))
    own = giver.own_noise
    return Codes(
        ws=mix_layers(rows.ws, cols.ws, layers),
        style_offsets=_mixed_offsets(network, rows, cols, layers),
        noise_seed=np.broadcast_to(giver.noise_seed[axes], shape),
        labels=np.broadcast_to(rows.labels[:, None], (*shape, rows.labels.shape[-1])),
        own_noise=None if own is None else np.broadcast_to(own[axes], shape),
    )


def _mixed_offsets(
    network: Network, rows: Codes, cols: Codes, layers: Sequence[int]
) -> np.ndarray | None:
    """Mix the offsets of styles, each of which belongs to the layer of its channel."""
    offsets = join_codes([rows, cols]).style_offsets
    if offsets is None:
        return None
    from stylegan_cli.networks.styles import style_indices

    row, col = np.split(offsets, [len(rows.ws)])
    return np.where(np.isin(style_indices(network.G), layers), col[None], row[:, None])
