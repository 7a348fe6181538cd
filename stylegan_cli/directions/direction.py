"""A direction: an offset of codes or styles, in steps of what the network itself draws along it.

Codes move along several directions at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import Sampling, broadcast_layers, map_latents, truncate
from stylegan_cli.networks.snapshot import Network

FARTHEST = 10_000
"""Most steps that a code may go: images turn infinite long after they all look the same."""

Space = Literal["w", "z", "s"]
Fact = float | int | str | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Direction:
    """A direction in W (one row for each layer), in z, or among style channels.

    Attributes:
        name: Such as `sefa/0`.
        vector: `[num_ws, w_dim]` in W, zero in the layers that it leaves alone; `[z_dim]` in z;
            `[channels]` of all layers in S.
        sigma: Length of a step: the standard deviation, along the vector, of the network's own
            samples. `sigma · vector` is a step.
        mean_coordinate: Coordinate of the samples' mean along the vector.
        network_sha256: Of the network that it was found in; "" if unknown.
        facts: Further facts: eigenvalue, accuracy, measures.
    """

    name: str
    space: Space
    vector: Float32[np.ndarray, "..."]
    sigma: float
    mean_coordinate: float = 0.0
    method: str = ""
    network_sha256: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[int, ...]:
        """Return the layers of W that it moves; none in another space."""
        if self.space != "w":
            return ()
        return tuple(np.flatnonzero(self.vector.any(axis=1)).tolist())

    @property
    def unit(self) -> Float64[np.ndarray, " dim"]:
        """Return the vector of length 1 that its layers share, or their mean if they differ."""
        vector = self.vector.astype(np.float64)
        if self.space == "w":
            vector = vector[list(self.layers)].mean(axis=0)
        length = np.linalg.norm(vector)
        scaled: Float64[np.ndarray, " dim"] = vector / (length if length > 0 else 1.0)
        return scaled

    def at_layers(self, layers: Sequence[int]) -> "Direction":
        """Return the same direction in these layers of W alone.

        A direction of one vector moves these layers by it wherever it moved before.
        """
        if self.space != "w":
            raise UsageError(
                f"{self.name}: a direction in {self.space} has no layers; leave them out"
            )
        rows = self.vector[list(self.layers)]
        moved = np.zeros_like(self.vector)
        shared = bool((rows == rows[0]).all())
        moved[list(layers)] = rows[0] if shared else self.vector[list(layers)]
        if not moved.any():
            raise UsageError(f"{self.name}: does not move these layers; choose among others")
        return replace(self, vector=moved)


def in_all_layers(
    unit: Float[np.ndarray, " w_dim"], layers: Sequence[int], num_ws: int
) -> Float32[np.ndarray, "num_ws w_dim"]:
    """Return the vector of a direction of W that moves these layers by the same offset."""
    vector = np.zeros((num_ws, len(unit)), np.float32)
    vector[list(layers)] = unit
    return vector


def moved_by(
    codes: Float32[np.ndarray, "*n"], direction: Direction, steps: float
) -> Float64[np.ndarray, "*n"]:
    """Return offsets that move codes this many steps along a direction.

    Args:
        codes: Rows of what the direction is an offset of, its axes last.
    """
    offset = steps * direction.sigma * direction.vector.astype(np.float64)
    return np.broadcast_to(offset, codes.shape)


def moved_to(
    codes: Float32[np.ndarray, "*n"], direction: Direction, steps: float
) -> Float64[np.ndarray, "*n"]:
    """Return offsets that move codes to a coordinate along a direction, from any other.

    In W each layer on its own: w + (mean + steps · σ − ⟨w, u⟩) u, u the layer's unit vector.

    Args:
        steps: From the mean of the network's samples.
    """
    vector = direction.vector.astype(np.float64)
    lengths = np.linalg.norm(vector, axis=-1, keepdims=True)
    unit = vector / np.where(lengths > 0, lengths, 1)
    along = (codes * unit).sum(axis=-1, keepdims=True)
    wanted = direction.mean_coordinate + steps * direction.sigma
    return np.asarray((wanted - along) * unit)


def content_hash(directions: Sequence[Direction]) -> str:
    """Return a hash that is equal for directions that move codes in the same way."""
    content = sha256()
    for each in directions:
        content.update(each.vector.tobytes() + repr((each.sigma, each.mean_coordinate)).encode())
    return content.hexdigest()[:16]


class Move(NamedTuple):
    """A number of steps along a direction."""

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
        absolute: Steps are coordinates, counted from the mean of the network's samples.
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
        styles = styles_of(G, torch.from_numpy(codes.ws).to(G.mapping.w_avg.device)).cpu().numpy()
    before = np.float32(0) if codes.style_offsets is None else codes.style_offsets
    offset = _offset(styles + before, moves, absolute=absolute).astype(np.float32)
    return replace(codes, style_offsets=before + offset)
