"""A video: keyframes, the interpolation between them, and its frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from stylegan_cli.directions.direction import Direction, Move, content_hash, moved_codes
from stylegan_cli.directions.population import population
from stylegan_cli.directions.references import open_direction
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.latents.codes import Codes, join_codes
from stylegan_cli.latents.sampling import Sampling, label_request
from stylegan_cli.networks.execution import default_batch_size, precision_claim
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.filming import Footage
from stylegan_cli.studies.video.keyframes import HALVES, Keyframes, keyframes, stills
from stylegan_cli.studies.video.motion import EASINGS, ONE_PICTURE, STEADY, Motion, Screen, Tracks


@dataclass(frozen=True, kw_only=True)
class Instants:
    """Positions of images in a video: the stream, the keyframe and the progress to the next.

    Attributes:
        keyframe: The one before, `following` the one behind.
        share: Of the way; 0 is the keyframe itself.
    """

    stream: Int64[np.ndarray, " n"]
    keyframe: Int64[np.ndarray, " n"]
    following: Int64[np.ndarray, " n"]
    share: Float64[np.ndarray, " n"]


class Image(NamedTuple):
    """One image of a video: that of a stream in a frame."""

    frame: int
    stream: int


@dataclass(frozen=True, kw_only=True)
class Swing:
    """Directions, and how far codes go along each: out and back, then to the other side.

    Attributes:
        strengths: Steps to either side, one number for each direction.
    """

    network: Network
    directions: tuple[Direction, ...]
    strengths: tuple[float, ...]
    sampling: Sampling

    def moved(self, codes: Codes, moments: Instants) -> Codes:
        """Move codes at rest, each as far as it is between its keyframes.

        strength · sin 2πt, t from 0 to 1 over both sides, so that it starts and ends at rest.
        """
        rows = []
        for i, keyframe in enumerate(moments.keyframe.tolist()):
            number, half = divmod(keyframe, HALVES)
            steps = self.strengths[number] * float(np.sin(np.pi * (half + moments.share[i])))
            move = Move(self.directions[number], steps)
            rows.append(moved_codes(self.network, codes[i : i + 1], [move], self.sampling))
        return replace(join_codes(rows), z=None)


@dataclass(frozen=True, kw_only=True)
class Video:
    """An arrangement of latents in time: a video before it is drawn.

    Attributes:
        stills: Codes at the keyframes, `[keyframe, stream]`, and the request.
    """

    stills: Plan
    keyframes: Keyframes
    motion: Motion
    screen: Screen
    swing: Swing | None = None

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        count, segment = self.keyframes.count, self.motion.segment
        return count * segment if self.motion.loop else (count - 1) * segment + 1

    def moments(self, images: Sequence[Image]) -> Instants:
        """Return the positions of these images between the keyframes."""
        frame, stream = np.array(images, np.int64).T
        keyframe, step = np.divmod(frame, self.motion.segment)
        ease, segment = EASINGS[self.motion.easing], self.motion.segment
        return Instants(
            stream=stream,
            keyframe=keyframe,
            following=(keyframe + 1) % self.keyframes.count,
            share=np.array([ease(i / segment) for i in step], np.float64),
        )

    def swung(self, moments: Instants) -> Codes:
        """Return the codes of these moments of a swing."""
        assert self.swing is not None
        still = replace(self.stills.codes, z=self.keyframes.main.codes.z)
        return self.swing.moved(still[moments.keyframe, moments.stream], moments)

    def still(self, image: Image) -> tuple[int, int] | None:
        """Return the keyframe and stream of an image, if it is one and its noise is there."""
        keyframe, step = divmod(image.frame, self.motion.segment)
        wanders = self.motion.noise_walk is not None
        return None if step or wanders else (keyframe, image.stream)


def video(
    network: Network, tracks: Tracks, motion: Motion = STEADY, screen: Screen = ONE_PICTURE
) -> Video:
    """Return the video through these tracks."""
    _check_interp(network.sizes, motion)
    if motion.interp == "noise" or motion.noise_walk is not None:
        if tracks.noise_mode == "none":
            raise UsageError(
                "there is no noise to move; leave it out", parameter="noise_mode", value="none"
            )
        tracks = replace(tracks, noise_mode="random")
    swing = _swing(network, tracks, motion)
    if motion.interp == "noise" and motion.noise_walk and len(tracks.seeds) in (1, screen.streams):
        # noise that wanders needs no second seed
        again = 2 * screen.streams // len(tracks.seeds)
        tracks = replace(tracks, seeds=[*tracks.seeds] * again)
    found = keyframes(network, tracks, motion.interp, screen.streams)
    request = _request(network, tracks, found, motion, screen)
    if swing is not None:
        request |= {
            "directions": [pick.text for pick in tracks.directions],
            "directions_sha256": content_hash(swing.directions),
            "strength": tracks.strength,
        }
    plan = Plan(
        study="video",
        request=request,
        noise_mode=tracks.noise_mode,
        axes={
            "keyframe": tuple(map(str, range(found.count))),
            "stream": tuple(map(str, range(screen.streams))),
        },
        sheets=("keyframes",),
        make=lambda: Tables(codes=stills(network.G, found)),
        notes=found.main.notes + (found.style.notes if found.style else ()),
    )
    return Video(stills=plan, keyframes=found, motion=motion, screen=screen, swing=swing)


def footage(network: Network, video: Video) -> Footage:
    """Return the frames of a video; those at keyframes equal the keyframes' stills bit for bit."""
    screen, channels = video.screen, network.recipe.data.shown
    size = screen.size_of(network.sizes.size)

    def draw(chosen: range, batch_size: int | None) -> Iterator[Picture]:
        from stylegan_cli.studies.video.images import pictures

        batch = batch_size or default_batch_size(network.sizes.size)
        # batches are cut as if from the first frame on: an image keeps its neighbours
        start, stop = chosen.start * screen.streams, chosen.stop * screen.streams
        images = (Image(*divmod(i, screen.streams)) for i in range(start // batch * batch, stop))
        drawn = islice(pictures(network, video, images, batch), start % batch, None)
        while streams := tuple(islice(drawn, screen.streams)):
            sized = [resize(shown(each, channels), size) for each in streams]
            yield tile(np.stack(sized), screen.cols)

    return Footage(
        request=video.stills.request,
        network_sha256=network.sha256,
        recipe=dumps(network.recipe),
        shape=(
            screen.rows * size.height,
            screen.cols * size.width,
            len(channels or range(network.sizes.channels)),
        ),
        total=video.frames,
        fps=video.motion.fps,
        loop=video.motion.loop,
        draw=draw,
    )


def _swing(network: Network, tracks: Tracks, motion: Motion) -> Swing | None:
    """Return the swing along directions, if there are any."""
    if motion.interp != "direction":
        if tracks.directions:
            raise UsageError(
                "moves along directions only where `interp=direction`", parameter="direction"
            )
        return None
    if not tracks.directions:
        raise UsageError("needs a `direction` to move along", parameter="interp", value="direction")
    drawn = partial(population, network)
    return Swing(
        network=network,
        directions=tuple(open_direction(network, pick, drawn) for pick in tracks.directions),
        strengths=tuple(tracks.strength * pick.steps for pick in tracks.directions),
        sampling=Sampling(psi=tracks.psi[0], cutoff=tracks.cutoff),
    )


def _check_interp(sizes: Sizes, motion: Motion) -> None:
    if motion.interp.endswith("-w") and not sizes.has_w:
        raise UsageError(
            "this network makes images straight from z and has no w; "
            "use lerp-z, slerp-z or circle-z",
            parameter="interp",
            value=motion.interp,
        )
    if (motion.interp == "noise" or motion.noise_walk is not None) and not sizes.has_noise:
        parameter = "interp" if motion.interp == "noise" else "noise_walk"
        raise UsageError(
            "this network has no noise inputs, its images depend on their codes "
            "alone; choose another `interp` and no walk of noise",
            parameter=parameter,
            value=getattr(motion, parameter),
        )
    if motion.interp in ("circle-z", "direction") and not motion.loop:
        what = "circle always closes" if motion.interp == "circle-z" else "swing always returns"
        raise UsageError(f"a {what}; leave it out", parameter="loop", value=False)


def _request(
    network: Network, tracks: Tracks, found: Keyframes, motion: Motion, screen: Screen
) -> dict[str, Any]:
    chosen = [label_request(network, way) for way in tracks.ways]
    several = {key: [each[key] for each in chosen] for key in chosen[0]}
    if "label" in several:
        several["class"] = [None]
    return {
        "interp": motion.interp,
        "seeds": found.main.request,
        "style_seeds": found.style.request if found.style else None,
        "crossover": found.crossover.tolist() if found.style else None,
        "psi": list(tracks.psi),
        "cutoff": tracks.cutoff,
        "noise_mode": tracks.noise_mode,
        **({} if motion.noise_walk is None else {"noise_walk": motion.noise_walk}),
        **({"motions": found.motions.tolist()} if found.motions is not None else {}),
        **precision_claim(network.precision),
        **{key: each if len(each) > 1 else each[0] for key, each in several.items()},
        **motion.request,
        "grid": f"{screen.cols}x{screen.rows}",
        "size": screen.size_of(network.sizes.size).value,
    }
