"""Codes moved along directions, several at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from stylegan_cli.directions.direction import Direction, moved_by, moved_to
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import Sampling, broadcast_layers, map_latents, truncate
from stylegan_cli.networks.snapshot import Network

FARTHEST = 10_000
"""Steps that a code goes at most: images become infinite long after they are all alike."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """So many steps along a direction."""

    direction: Direction
    steps: float


def moved_codes(
    network: Network,
    codes: Codes,
    moves: Sequence[Move],
    sampling: Sampling,
    *,
    absolute: bool = False,
) -> Codes:
    """Move codes along all these directions; offsets add up, in any order.

    Codes that move in z are mapped and truncated anew. Where a network has no w, they are scaled
    back to the length that it takes.

    Args:
        codes: One after another, truncated already.
        sampling: Settings of their truncation.
        absolute: Steps are coordinates, counted from the mean of the network's samples.

    Raises:
        UsageError: A direction of z, and codes that come from no z; or too many steps.
    """
    for move in moves:
        if abs(move.steps) > FARTHEST:
            raise UsageError(
                f"{move.direction.name}: {move.steps:g} steps lead nowhere; the valid range is "
                f"-{FARTHEST} to {FARTHEST}"
            )
    own = {
        space: [move for move in moves if move.direction.space == space]
        for space in ("z", "w", "s")
    }
    # a step of 0 changes no bit
    if own["z"] and (absolute or any(move.steps for move in own["z"])):
        codes = _moved_in_z(network, codes, own["z"], sampling, absolute=absolute)
    if own["w"] and (absolute or any(move.steps for move in own["w"])):
        offset = _offset(codes.ws, own["w"], absolute=absolute)
        codes = replace(codes, ws=(codes.ws + offset).astype(np.float32), z=None)
    if own["s"]:
        codes = _moved_styles(network, codes, own["s"], absolute=absolute)
    return codes


def _offset(
    rows: Float32[np.ndarray, "*n"], moves: Sequence[Move], *, absolute: bool
) -> Float64[np.ndarray, "*n"]:
    move_along = moved_to if absolute else moved_by
    offsets = [move_along(rows, move.direction, move.steps) for move in moves]
    return np.asarray(np.sum(offsets, axis=0))


def _moved_in_z(
    network: Network, codes: Codes, moves: Sequence[Move], sampling: Sampling, *, absolute: bool
) -> Codes:
    G = network.G
    if not G.has_w:
        z = codes.ws[:, 0, : G.z_dim]
        moved = codes.ws.copy()
        moved[:, 0, : G.z_dim] += _offset(z, moves, absolute=absolute)
        length = np.sqrt((moved.astype(np.float64) ** 2).mean(axis=2, keepdims=True))
        return replace(codes, ws=(moved / length).astype(np.float32), z=None)
    if codes.z is None:
        raise UsageError(
            f"{moves[0].direction.name}: moves z, and these codes come from no z; give seeds"
        )
    z = codes.z / np.sqrt((codes.z.astype(np.float64) ** 2).mean(axis=1, keepdims=True))
    z = (z + _offset(z.astype(np.float32), moves, absolute=absolute)).astype(np.float32)
    ws = broadcast_layers(map_latents(G, z, codes.labels), G.num_ws)
    ws = truncate(ws, G.mapping.w_avg, sampling.psi, sampling.cutoff)
    return replace(codes, ws=ws.cpu().numpy(), z=z)


def _moved_styles(
    network: Network, codes: Codes, moves: Sequence[Move], *, absolute: bool
) -> Codes:
    import torch

    from stylegan_cli.networks.styles import style_layers, styles_of

    G = network.G
    channels = sum(layer.channels for layer in style_layers(G))
    for move in moves:
        if len(move.direction.vector) != channels:
            raise UsageError(
                f"{move.direction.name}: is one of {len(move.direction.vector)} style channels, "
                f"this network has {channels}"
            )
    with torch.no_grad():
        styles = styles_of(G, torch.from_numpy(codes.ws).to(G.mapping.w_avg.device))
    offset = _offset(styles.cpu().numpy(), moves, absolute=absolute).astype(np.float32)
    before = codes.style_offsets
    return replace(codes, style_offsets=offset if before is None else before + offset)
