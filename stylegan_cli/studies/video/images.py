"""The images of a video: codes and noise between keyframes, drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from math import exp, sqrt

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.sampling import broadcast_layers, map_latents
from stylegan_cli.networks.generator import Generator
from stylegan_cli.networks.noise import NoiseInput, NoiseMode, noise_maps
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Address, Plan
from stylegan_cli.rendering.render import draw_images, fixed_maps, render, to_pixels
from stylegan_cli.runtime import stream_seed
from stylegan_cli.shapes import Picture, Pixels
from stylegan_cli.sizes import Size
from stylegan_cli.studies.video.keyframes import Keyframes, finished
from stylegan_cli.studies.video.motion import Motion, Vectors, cubic, lerp, slerp
from stylegan_cli.studies.video.video import Image, Instants, Video

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
            everywhere = self._plan.addresses
            start = everywhere.index(Address("/", position))
            skip = frozenset(everywhere) - set(everywhere[start : start + self._batch_size])
            cells = render(self._G, self._plan, batch_size=self._batch_size, skip=skip)
            self._latest = {cell.address.position: cell.pixels for cell in cells}
        return self._latest[position]


class NoiseWalk:
    """A stationary AR(1) walk, n[t + 1] = ρ n[t] + a ε, of unit variance in every frame.

    In a loop it is periodic: every frame is the same sum over all ε, so that the frame behind the
    last is the first. It starts at the noise of its seed otherwise.

    Args:
        seed: Of its maps; a frame depends on nothing else.
        memory: Frames after which the correlation has fallen to 1/e.
    """

    def __init__(
        self, sizes: Sequence[Size], seed: int, *, memory: float, frames: int, loop: bool
    ) -> None:
        self._sizes, self._seed, self._frames, self._loop = sizes, seed, frames, loop
        self._rho = exp(-1 / memory)
        self._step = sqrt(1 - self._rho**2)
        if loop:
            # the variance of ε's share, summed over all earlier rounds
            rest = self._rho**frames
            self._step *= (1 - rest) / sqrt(1 - rest**2)

    def maps(self) -> Iterator[list[Tensor]]:
        """Yield the maps of each frame, `[1, 1, height, width]` per noise input."""
        now = self._start()
        for t in range(self._frames):
            yield now
            fresh = self._draw((t + 1) % self._frames)
            now = [self._rho * a + self._step * b for a, b in zip(now, fresh, strict=True)]

    def _start(self) -> list[Tensor]:
        if not self._loop:
            return self._draw(0)
        total = [torch.zeros(1, 1, *size.shape) for size in self._sizes]
        share = self._step / (1 - self._rho**self._frames)
        # backwards from frame 0, whose own ε has the full share
        for back in range(self._frames):
            for a, b in zip(total, self._draw(-back % self._frames), strict=True):
                a += share * self._rho**back * b
        return total

    def _draw(self, t: int) -> list[Tensor]:
        seed = stream_seed(self._seed, "noise walk", t) if t else self._seed
        # on the CPU, whose random numbers are equal on every machine
        return noise_maps(self._sizes, [seed], torch.device("cpu"))


class _Walks:
    """The walk of each stream's noise, if it wanders; frames come in order."""

    def __init__(self, G: Generator, video: Video) -> None:
        self._device, self._at = G.mapping.w_avg.device, [-1] * video.screen.streams
        motion, sizes, self._walks = video.motion, G.synthesis.noise_sizes, []
        if motion.noise_walk is not None:
            memory = motion.noise_walk * motion.fps
            for seed in video.keyframes.main.codes.noise_seed[0].tolist():
                walk = NoiseWalk(sizes, seed, memory=memory, frames=video.frames, loop=motion.loop)
                self._walks.append(walk.maps())

    def noise(self, images: Sequence[Image]) -> list[Tensor] | None:
        """Return the noise of these images, or None where it does not wander."""
        if not self._walks or not images:
            return None
        found = []
        for frame, stream in images:
            steps, self._at[stream] = frame - self._at[stream], frame
            found.append(next(islice(self._walks[stream], steps - 1, None)))
        return [torch.cat(maps).to(self._device) for maps in zip(*found, strict=True)]


def _draw(
    G: Generator, video: Video, images: Sequence[Image], wandering: NoiseInput | None
) -> Pixels:
    moments = video.moments(images)
    noise = wandering or noise_between(
        G, video.keyframes.main.codes, moments, video.stills.noise_mode
    )
    if video.swing is None:
        codes = codes_between(G, video.keyframes, video.motion, moments)
    else:
        codes = video.swung(moments)
    ws = torch.from_numpy(codes.ws).to(G.mapping.w_avg.device)
    motions = video.keyframes.motions
    if motions is not None:
        motions = _along(motions, moments, moments.share[:, None]).astype(np.float32)
    return to_pixels(draw_images(G, ws, noise, codes.style_offsets, motions))


def codes_between(G: Generator, keyframes: Keyframes, motion: Motion, moments: Instants) -> Codes:
    """Return the codes of these moments, tracks mixed and truncated."""
    style = keyframes.style
    return finished(
        G,
        keyframes,
        _moved(G, keyframes.main.codes, motion, moments),
        None if style is None else _moved(G, style.codes, motion, moments),
        crossover=_along(keyframes.crossover, moments, moments.share),
        psi=_along(keyframes.psi, moments, moments.share),
    )


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


def _moved(G: Generator, codes: Codes, motion: Motion, moments: Instants) -> Codes:
    """Return the codes of these moments: those of the keyframes before, but on their way."""
    if motion.interp.endswith("-z"):
        assert codes.z is not None
        z = _on_curve(G, codes.z, motion, moments).astype(np.float32)
        labels = lerp(*_ends(codes.labels, moments)).astype(np.float32)
        ws = broadcast_layers(map_latents(G, z, labels), G.num_ws).cpu().numpy()
    else:
        ws = _on_curve(G, codes.ws, motion, moments).astype(np.float32)
    offsets = codes.style_offsets
    if offsets is not None:
        offsets = lerp(*_ends(offsets, moments)).astype(np.float32)
    before = codes[moments.keyframe, moments.stream]
    return replace(before, ws=ws, style_offsets=offsets)


def _on_curve(G: Generator, table: Vectors, motion: Motion, moments: Instants) -> Rows:
    a, b, share = _ends(table, moments)
    match motion.interp:
        case "cubic-w":
            before = table[moments.keyframe - 1, moments.stream]
            after = table[(moments.following + 1) % len(table), moments.stream]
            if not motion.loop:
                # beyond the ends the path continues straight
                first, last = (
                    (place == end).reshape(share.shape)
                    for place, end in ((moments.keyframe, 0), (moments.following, len(table) - 1))
                )
                before = np.where(first, 2 * a - b, before)
                after = np.where(last, 2 * b - a, after)
            return cubic(before, a, b, after, share)
        case "slerp-z" | "circle-z":
            return slerp(a, b, share)
        case "slerp-w":
            centre = G.mapping.w_avg.cpu().numpy()
            around: Rows = centre + slerp(a - centre, b - centre, share)
            return around
        case _:
            return lerp(a, b, share)


def _ends(table: Vectors, moments: Instants) -> tuple[Rows, Rows, Rows]:
    """Return both ends of each moment's way, and the share of it, for their rows."""
    a, b = table[moments.keyframe, moments.stream], table[moments.following, moments.stream]
    return a, b, moments.share.reshape(-1, *(1 for _ in a.shape[1:]))


def _along(track: Vectors, moments: Instants, share: Vectors) -> np.ndarray:
    """Return the values of a track that all streams share."""
    return lerp(track[moments.keyframe], track[moments.following], share)
