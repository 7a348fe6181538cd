"""The keyframes of a video: codes shared out to its streams, as many on every track."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.lookup import Picked, codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import broadcast_layers, map_latents, truncate_codes
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.studies.video.motion import Interp, Tracks, check_tracks, lerp

if TYPE_CHECKING:
    from stylegan_cli.networks.generator import Generator

HALVES = 2
"""Keyframes of each direction, all of them the same still: before either side."""


@dataclass(frozen=True, kw_only=True)
class Keyframes:
    """The keyframes of every stream, codes as `[keyframe, stream, …]` and not yet truncated.

    Attributes:
        main: The main track; its codes take the network's weights.
        style: The second track, for the layers from the crossover on, if any.
        motions: At each keyframe, as of `Codes`; None where nothing moves.
        crossover: At each keyframe; ignored without a second track.
    """

    main: Picked
    style: Picked | None
    crossover: Float64[np.ndarray, " keyframes"]
    psi: Float64[np.ndarray, " keyframes"]
    cutoff: int | None
    motions: Float64[np.ndarray, "keyframes 3"] | None

    @property
    def count(self) -> int:
        """Return the number of keyframes of each stream."""
        return len(self.psi)


@dataclass(frozen=True, kw_only=True)
class _Track:
    """One track: its codes for each class, and how many keyframes they make."""

    picked: tuple[Picked, ...]
    length: int


def keyframes(network: Network, tracks: Tracks, interp: Interp, streams: int) -> Keyframes:
    """Return the keyframes of these tracks."""
    check_tracks(network, tracks)
    read = partial(_read, network, tracks, interp, streams)
    main = read("seeds", tracks.seeds)
    style = read("style_seeds", tracks.style_seeds) if tracks.style_seeds else None
    crossover = tracks.crossover or (network.sizes.num_ws // 2,)
    count = _common_length(
        {
            "seeds": main.length,
            "style_seeds": style.length if style else 1,
            "crossover": len(crossover),
            "psi": len(tracks.psi),
            "label" if tracks.labels else "class": len(main.picked),
            "translate": len(tracks.translate),
            "rotate": len(tracks.rotate),
        }
    )

    def arranged(track: _Track) -> Picked:
        def make() -> Codes:
            tables = [
                _stretch(_arrange(network, each.codes, interp, streams, track.length), count)
                for each in track.picked
            ]
            if len(tables) == 1:
                return tables[0]
            # each keyframe of its own class: of the first table the first, and so on
            return join_codes([table[i : i + 1] for i, table in enumerate(tables)])

        return replace(track.picked[-1], make=make)

    shifts = np.resize(np.asarray(tracks.translate, np.float64), (count, 2))
    turns = np.resize(np.asarray(tracks.rotate, np.float64), (count, 1))
    motions = np.concatenate([shifts, turns], axis=1)
    return Keyframes(
        main=arranged(main),
        style=arranged(style) if style else None,
        crossover=np.resize(np.asarray(crossover, np.float64), count),
        psi=np.resize(np.asarray(tracks.psi, np.float64), count),
        cutoff=tracks.cutoff,
        motions=motions if motions.any() else None,
    )


def _common_length(lengths: Mapping[str, int]) -> int:
    """Return the number of keyframes that the tracks agree on.

    Args:
        lengths: Of each track, by its parameter; a track of one holds throughout.
    """
    count = max(lengths.values())
    for parameter, length in lengths.items():
        if length not in (1, count):
            raise UsageError(
                f"{length} keyframes, where the longest track has {count}; "
                f"give one, which holds throughout, or {count}",
                parameter=parameter,
            )
    if count < 2:
        raise UsageError(
            "only one keyframe for each picture, and a video goes from one to the next; "
            "give at least two",
            parameter="seeds",
        )
    return count


def stills(G: "Generator", keyframes: Keyframes) -> Codes:
    """Return the codes at the keyframes, `[keyframe, stream]`: tracks mixed and truncated."""
    main, style = keyframes.main.codes, keyframes.style
    (count, streams), size = main.shape, main.noise_seed.size
    codes = finished(
        G,
        keyframes,
        main.reshape(size),
        None if style is None else style.codes.reshape(size),
        crossover=keyframes.crossover.repeat(streams),
        psi=keyframes.psi.repeat(streams),
    )
    motions = keyframes.motions
    if motions is not None:
        motions = motions.astype(np.float32).repeat(streams, 0)
    return replace(codes, motions=motions).reshape(count, streams)


def finished(
    G: "Generator",
    keyframes: Keyframes,
    main: Codes,
    style: Codes | None,
    *,
    crossover: Float64[np.ndarray, " n"],
    psi: Float64[np.ndarray, " n"],
) -> Codes:
    """Return codes ready to draw: both tracks mixed, then truncated.

    Args:
        crossover: One for each; layers change over one after the other between whole numbers.
    """
    if style is not None:
        share = np.clip(np.arange(G.num_ws) + 1 - crossover[:, None], 0, 1)
        main = _mixed(G, main, style, share)
    return join_codes(
        [
            truncate_codes(G, main[i : i + 1], float(each), keyframes.cutoff)
            for i, each in enumerate(psi)
        ]
    )


def _mixed(
    G: "Generator", main: Codes, style: Codes, share: Float64[np.ndarray, "n num_ws"]
) -> Codes:
    """Return the main track with a share of the second one in each layer."""
    ws = lerp(main.ws, style.ws, share[:, :, None]).astype(np.float32)
    offsets = join_codes([main, style]).style_offsets
    if offsets is not None:
        from stylegan_cli.networks.styles import style_indices

        a, b = np.split(offsets, 2)
        offsets = lerp(a, b, share[:, style_indices(G)]).astype(np.float32)
    return replace(main, ws=ws, style_offsets=offsets)


def _read(
    network: Network,
    tracks: Tracks,
    interp: Interp,
    streams: int,
    parameter: str,
    picks: Sequence[Pick],
) -> _Track:
    picked = tuple(codes_of_picks(network, picks, way) for way in tracks.ways)
    if len(picked) > 1 and not picked[0].has_z:
        raise UsageError(
            f"`{parameter}` holds codes that have a class in them already; give seeds or z, or "
            "leave it out",
            parameter="label" if tracks.labels else "class",
        )
    if interp.endswith("-z") and not picked[0].has_z:
        raise UsageError(
            f"`{parameter}` holds codes that are no z; use lerp-w, slerp-w or cubic-w",
            parameter="interp",
            value=interp,
        )
    dealt = _dealt(len(picked[0].names), streams, parameter)
    if interp == "direction":
        if dealt > 1:
            raise UsageError(
                f"{dealt} codes for each stream, and a direction moves one; "
                "give fewer, or more streams with `grid`",
                parameter=parameter,
            )
        dealt = HALVES * len(tracks.directions)
    elif interp == "circle-z" and dealt > 1:
        if dealt > 2:
            raise UsageError(
                f"a circle goes through two codes, here are {dealt} for each stream; give "
                "fewer, more streams with `grid`, or another `interp`",
                parameter=parameter,
            )
        dealt = 4  # with the opposites of both
    return _Track(picked=picked, length=dealt)


def _dealt(count: int, streams: int, parameter: str) -> int:
    """Return how many of the codes each stream gets; a single one goes to all of them."""
    if count == 1:
        return 1
    if count % streams:
        raise UsageError(
            f"{count} codes cannot be shared evenly among {streams} streams; "
            f"give one, or a multiple of {streams} such as {count + streams - count % streams}",
            parameter=parameter,
        )
    return count // streams


def _arrange(network: Network, codes: Codes, interp: Interp, streams: int, length: int) -> Codes:
    """Deal codes to the streams, and repeat, close or steady them for the interpolation."""
    count = len(codes.noise_seed)
    codes = codes[[[0] * streams]] if count == 1 else codes.reshape(count // streams, streams)
    if interp == "noise":
        return replace(_stretch(codes[:1], len(codes.ws)), noise_seed=codes.noise_seed)
    if interp == "circle-z" and length > 1:
        return join_codes([codes, _opposites(network.G, codes)])
    # a swing shows the still of each stream before either side of each direction
    return _stretch(codes, length)


def _opposites(G: "Generator", codes: Codes) -> Codes:
    assert codes.z is not None
    z = -codes.z
    count = codes.noise_seed.size
    w = map_latents(G, z.reshape(count, -1), codes.labels.reshape(count, codes.labels.shape[-1]))
    ws = broadcast_layers(w, G.num_ws).cpu().numpy()
    return replace(codes, z=z, ws=ws.reshape(codes.ws.shape))


def _stretch(codes: Codes, count: int) -> Codes:
    """Repeat a track of one keyframe to the length of the others."""
    return codes if len(codes.ws) == count else codes[[0] * count]
