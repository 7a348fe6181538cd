"""The images of a video: codes between keyframes, drawn."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import broadcast_layers, map_latents
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput, NoiseMode, noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Address, Plan
from stylegan_cli.rendering.render import draw, fixed_maps, render
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.studies.video.curves import Vectors, cubic, lerp, slerp
from stylegan_cli.studies.video.keyframes import Keyframes, finished_ws
from stylegan_cli.studies.video.video import Image, Instants, Motion, Video
from stylegan_cli.studies.video.walk import NoiseWalk

Rows = Float[np.ndarray, "n *_"]


def pictures(
    network: Network, video: Video, images: Iterator[Image], size: int
) -> Iterator[Picture]:
    """Draw these images in order, `size` at once."""
    G = network.G
    stills = _Stills(G, video.stills, size)
    walks = _Walks(G, video)
    while batch := tuple(islice(images, size)):
        positions = [video.still(image) for image in batch]
        moving = [image for image, at in zip(batch, positions, strict=True) if at is None]
        noise = walks.noise(moving)
        drawn = iter(_draw(G, video, moving, noise) if moving else ())
        for position in positions:
            yield next(drawn) if position is None else stills.picture(position)


class _Stills:
    """The keyframes' pictures, drawn as `render` draws them; only the latest stay in memory."""

    def __init__(self, G: Generator, plan: Plan, batch_size: int) -> None:
        self._G, self._plan, self._batch_size = G, plan, batch_size
        self._latest: dict[tuple[int, ...], Picture] = {}

    def picture(self, position: tuple[int, int]) -> Picture:
        if position not in self._latest:
            self._draw_from(Address("/", position))
        return self._latest[position]

    def _draw_from(self, first: Address) -> None:
        everywhere = self._plan.addresses
        start = everywhere.index(first)
        skip = frozenset(everywhere) - set(everywhere[start : start + self._batch_size])
        cells = render(self._G, self._plan, batch_size=self._batch_size, skip=skip)
        self._latest = {cell.address.position: cell.pixels for cell in cells}


class _Walks:
    """The walk of each stream's noise, if it wanders; frames come in order."""

    def __init__(self, G: Generator, video: Video) -> None:
        self._device, self._at = G.mapping.w_avg.device, [-1] * video.screen.streams
        motion, self._walks = video.motion, []
        if motion.noise_walk is None:
            return
        memory = motion.noise_walk * motion.fps
        for seed in video.keyframes.main.noise_seed[0].tolist():
            walk = NoiseWalk(
                G.synthesis.noise_sizes, seed, memory=memory, frames=video.frames, loop=motion.loop
            )
            self._walks.append(walk.maps())

    def noise(self, images: Sequence[Image]) -> list[Tensor] | None:
        """Return the noise of these images, or None where it does not wander."""
        if not self._walks or not images:
            return None
        found = [self._reach(image) for image in images]
        return [torch.cat(maps).to(self._device) for maps in zip(*found, strict=True)]

    def _reach(self, image: Image) -> list[Tensor]:
        steps = image.frame - self._at[image.stream]
        self._at[image.stream] = image.frame
        return next(islice(self._walks[image.stream], steps - 1, None))


def _draw(
    G: Generator, video: Video, images: Sequence[Image], wandering: NoiseInput | None
) -> Pixels:
    moments, device = video.moments(images), G.mapping.w_avg.device
    noise = wandering or noise_between(G, video.keyframes.main, moments, video.stills.noise_mode)
    motions = motions_between(video.keyframes, moments)
    where = None if motions is None else torch.from_numpy(motions).to(device)
    if video.swing is None:
        ws = ws_between(G, video.keyframes, video.motion, moments)
        return draw(G, torch.from_numpy(ws).to(device), noise, where)
    codes = video.swung(moments)
    offsets = codes.style_offsets
    moved = None if offsets is None else torch.from_numpy(offsets).to(device)
    return draw(G, torch.from_numpy(codes.ws).to(device), noise, where, moved)


def ws_between(
    G: Generator, keyframes: Keyframes, motion: Motion, moments: Instants
) -> Float32[np.ndarray, "n num_ws w_dim"]:
    """Return the styles of these moments, tracks mixed and truncated."""
    style = keyframes.style
    return finished_ws(
        G,
        keyframes,
        _moved(G, keyframes.main, motion, moments),
        None if style is None else _moved(G, style, motion, moments),
        crossover=_along(keyframes.crossover, moments),
        psi=_along(keyframes.psi, moments),
    )


def motions_between(keyframes: Keyframes, moments: Instants) -> Float32[np.ndarray, "n 3"] | None:
    """Return the motion of pictures at these moments, on lines; None without motion."""
    track = keyframes.motions
    if track is None:
        return None
    return _line(track[:, None].repeat(moments.stream.max() + 1, 1), moments).astype(np.float32)


def noise_between(
    G: Generator, codes: Codes, moments: Instants, mode: NoiseMode = "random"
) -> NoiseInput:
    """Return the noise of these moments, each map on the arc between two keyframes."""
    own = codes.own_noise
    if mode == "none" or (mode == "const" and own is None):
        return mode
    device = G.mapping.w_avg.device
    ends = []
    for keyframe in (moments.keyframe, moments.following):
        if mode == "const":
            assert own is not None
            ends.append(fixed_maps(G, own[keyframe, moments.stream].tolist()))
            continue
        seeds = codes.noise_seed[keyframe, moments.stream].tolist()
        # on the CPU, whose random numbers are equal on every machine
        ends.append(noise_maps(G.synthesis.noise_sizes, seeds, torch.device("cpu")))
    return [
        _noise_arc(a.cpu(), b.cpu(), moments.share).to(device) for a, b in zip(*ends, strict=True)
    ]


def _noise_arc(a: Tensor, b: Tensor, share: Float64[np.ndarray, " n"]) -> Tensor:
    arc = slerp(a.flatten(1).numpy(), b.flatten(1).numpy(), share[:, None])
    return torch.from_numpy(arc.astype(np.float32)).reshape(a.shape)


def _moved(
    G: Generator, codes: Codes, motion: Motion, moments: Instants
) -> Float32[np.ndarray, "n num_ws w_dim"]:
    if not motion.interp.endswith("-z"):
        return _on_curve(G, codes.ws, motion, moments).astype(np.float32)
    assert codes.z is not None
    z = _on_curve(G, codes.z, motion, moments).astype(np.float32)
    labels = _line(codes.labels, moments).astype(np.float32)
    return broadcast_layers(map_latents(G, z, labels), G.num_ws).cpu().numpy()


def _on_curve(G: Generator, table: Vectors, motion: Motion, moments: Instants) -> Rows:
    match motion.interp:
        case "cubic-w":
            return _spline(table, motion.loop, moments)
        case "slerp-z" | "circle-z":
            return _arc(table, moments)
        case "slerp-w":
            centre = G.mapping.w_avg.cpu().numpy()
            around: Rows = centre + _arc(table - centre, moments)
            return around
        case _:
            return _line(table, moments)


def _line(table: Vectors, moments: Instants) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    return lerp(a, b, _for_rows(moments.share, a))


def _arc(table: Vectors, moments: Instants) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    return slerp(a, b, _for_rows(moments.share, a))


def _spline(table: Vectors, loop: bool, moments: Instants) -> Rows:
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    last = len(table) - 1
    before = table[moments.keyframe - 1, moments.stream]
    after = table[(moments.following + 1) % len(table), moments.stream]
    if not loop:
        # beyond the ends the path continues straight
        before = np.where(_for_rows(moments.keyframe == 0, a), 2 * a - b, before)
        after = np.where(_for_rows(moments.following == last, a), 2 * b - a, after)
    return cubic(before, a, b, after, _for_rows(moments.share, a))


def _along(track: Float64[np.ndarray, " keyframes"], moments: Instants) -> np.ndarray:
    return lerp(track[moments.keyframe], track[moments.following], moments.share)


def _for_rows(values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Reshape one value per row to broadcast over the rows."""
    return values.reshape(-1, *(1 for _ in vectors.shape[1:]))
