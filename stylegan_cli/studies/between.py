"""What a video shows on the way from one keyframe to the next."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from stylegan_cli.latents import broadcast_layers, map_latents
from stylegan_cli.networks.generator import Generator
from stylegan_cli.noise import noise_maps
from stylegan_cli.plan import Codes
from stylegan_cli.studies.curves import Interp, Vectors, cubic, lerp, slerp
from stylegan_cli.studies.keyframes import Keyframes, finished_ws

Rows = Float[np.ndarray, "n *_"]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Where images of a video are: each in a stream, on the way from a keyframe to the next.

    Attributes:
        keyframe: The one before, `following` the one behind.
        share: Of the way; 0 is the keyframe itself.
    """

    stream: Int64[np.ndarray, " n"]
    keyframe: Int64[np.ndarray, " n"]
    following: Int64[np.ndarray, " n"]
    share: Float64[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which way a video takes through its keyframes.

    Attributes:
        loop: The last keyframe is followed by the first.
    """

    interp: Interp
    loop: bool


def ws_between(
    G: Generator, keyframes: Keyframes, route: Route, moments: Moments
) -> Float32[np.ndarray, "n num_ws w_dim"]:
    """The styles of these moments, tracks mixed and truncated."""
    style = keyframes.style
    return finished_ws(
        G,
        keyframes,
        _moved(G, keyframes.main, route, moments),
        None if style is None else _moved(G, style, route, moments),
        crossover=_along(keyframes.crossover, moments),
        psi=_along(keyframes.psi, moments),
    )


def noise_between(G: Generator, codes: Codes, moments: Moments) -> list[Tensor]:
    """The noise of these moments, each map on the arc between those of its two keyframes."""
    device = G.mapping.w_avg.device
    ends = [
        noise_maps(
            G.synthesis.noise_resolutions,
            codes.noise_seed[keyframe, moments.stream].tolist(),
            # drawn on the CPU, whose random numbers are the same on every machine
            torch.device("cpu"),
        )
        for keyframe in (moments.keyframe, moments.following)
    ]
    return [_noise_arc(a, b, moments.share).to(device) for a, b in zip(*ends, strict=True)]


def _noise_arc(a: Tensor, b: Tensor, share: Float64[np.ndarray, " n"]) -> Tensor:
    arc = slerp(a.flatten(1).numpy(), b.flatten(1).numpy(), share[:, None])
    return torch.from_numpy(arc.astype(np.float32)).reshape(a.shape)


def _moved(
    G: Generator, codes: Codes, route: Route, moments: Moments
) -> Float32[np.ndarray, "n num_ws w_dim"]:
    if not route.interp.endswith("-z"):
        return _on_curve(G, codes.ws, route, moments).astype(np.float32)
    assert codes.z is not None
    z = _on_curve(G, codes.z, route, moments).astype(np.float32)
    labels = _line(codes.labels, moments).astype(np.float32)
    return broadcast_layers(map_latents(G, z, labels), G.num_ws).cpu().numpy()


def _on_curve(G: Generator, table: Vectors, route: Route, moments: Moments) -> Rows:
    match route.interp:
        case "cubic-w":
            return _spline(table, route.loop, moments)
        case "slerp-z" | "circle-z":
            return _arc(table, moments)
        case "slerp-w":
            centre = G.mapping.w_avg.cpu().numpy()
            around: Rows = centre + _arc(table - centre, moments)
            return around
        case _:
            return _line(table, moments)


def _line(table: Vectors, moments: Moments) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    return lerp(a, b, _for_rows(moments.share, a))


def _arc(table: Vectors, moments: Moments) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    return slerp(a, b, _for_rows(moments.share, a))


def _spline(table: Vectors, loop: bool, moments: Moments) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    last = len(table) - 1
    before = table[moments.keyframe - 1, moments.stream]
    after = table[(moments.following + 1) % len(table), moments.stream]
    if not loop:
        # beyond the ends the path goes on straight
        before = np.where(_for_rows(moments.keyframe == 0, a), 2 * a - b, before)
        after = np.where(_for_rows(moments.following == last, a), 2 * b - a, after)
    return cubic(before, a, b, after, _for_rows(moments.share, a))


def _along(track: Float64[np.ndarray, " keyframes"], moments: Moments) -> np.ndarray:
    return lerp(track[moments.keyframe], track[moments.following], moments.share)


def _for_rows(values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """One value per row, in a shape that goes with the rows."""
    return values.reshape(-1, *(1 for _ in vectors.shape[1:]))
