"""A video: keyframes, and the interpolation between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from stylegan_cli.directions.direction import content_hash
from stylegan_cli.errors import UsageError
from stylegan_cli.latents.codes import Codes, each_column
from stylegan_cli.latents.sampling import Sampling, label_request
from stylegan_cli.networks.execution import precision_claim
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.plan import Axis, Plan, Tables
from stylegan_cli.sizes import Size
from stylegan_cli.studies.video.curves import EASINGS, Easing, Interp
from stylegan_cli.studies.video.keyframes import Keyframes, keyframes, stills
from stylegan_cli.studies.video.swing import Swing, open_swing
from stylegan_cli.studies.video.tracks import Tracks


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


MAX_FPS = 240
MAX_SECONDS = 3600
"""From one keyframe to the next."""


SMALLEST = 128
"""Films enlarge smaller pictures, by a whole factor, to at least this many pixels."""


class Image(NamedTuple):
    """One image of a video: that of a stream in a frame."""

    frame: int
    stream: int


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Interpolation from one keyframe to the next.

    Attributes:
        interp: Interpolated code and its curve.
        seconds: From one keyframe to the next, rounded to whole frames.
        noise_walk: Seconds after which noise that wanders has mostly changed; None for noise that
            goes from keyframe to keyframe, if it moves at all.
        loop: Go on from the last keyframe to the first; the last frame is the one before that.
    """

    interp: Interp = "lerp-w"
    seconds: float = 2.0
    fps: float = 30.0
    loop: bool = True
    easing: Easing = "linear"
    noise_walk: float | None = None

    @property
    def segment(self) -> int:
        """Return the number of frames from one keyframe to the next."""
        return max(1, round(self.seconds * self.fps))


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Arrangement of the streams of a video in its frames.

    Attributes:
        side: Longer side of each stream's pictures in pixels; as the network draws them by
            default.
    """

    cols: int = 1
    rows: int = 1
    side: int | None = None

    @property
    def streams(self) -> int:
        return self.cols * self.rows

    def size_of(self, native: Size) -> Size:
        """Return the size at which each stream's pictures are shown."""
        return native if self.side is None else native.with_longer(self.side)


@dataclass(frozen=True, kw_only=True)
class Video:
    """An arrangement of latents in time: a video before it is drawn.

    Attributes:
        stills: Codes at the keyframes, `[keyframe, stream]`, and the request.
        swing: Swing of the stills along directions, if any.
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
        place = moments.keyframe, moments.stream
        still = each_column(
            replace(self.stills.codes, z=self.keyframes.main.z), lambda values: values[place]
        )
        return self.swing.moved(still, moments.keyframe.tolist(), moments.share.tolist())

    def still(self, image: Image) -> tuple[int, int] | None:
        """Return the keyframe and stream of an image, if it is one and its noise is there."""
        keyframe, step = divmod(image.frame, self.motion.segment)
        wanders = self.motion.noise_walk is not None
        return None if step or wanders else (keyframe, image.stream)


def video(
    network: Network, tracks: Tracks, motion: Motion = Motion(), screen: Screen = Screen()
) -> Video:
    """Return the video through these tracks.

    Raises:
        UsageError: A seed, a track or the interpolation is not possible with this network.
        DataError: A file of codes is missing or damaged.
    """
    check_motion(motion)
    _check_interp(network.sizes, motion)
    check_screen(screen)
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
    plan = Plan(
        study="video",
        request=_request(network, tracks, found, motion, screen) | _claims(tracks, swing),
        noise_mode=tracks.noise_mode,
        axes=(
            Axis(name="keyframe", names=tuple(map(str, range(found.count)))),
            Axis(name="stream", names=tuple(map(str, range(screen.streams)))),
        ),
        sheets=("keyframes",),
        make=lambda: Tables(codes=stills(network.G, found)),
        notes=found.notes,
    )
    return Video(stills=plan, keyframes=found, motion=motion, screen=screen, swing=swing)


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
    sampling = Sampling(psi=tracks.psi[0], cutoff=tracks.cutoff)
    return open_swing(network, tracks.directions, tracks.strength, sampling)


def _claims(tracks: Tracks, swing: Swing | None) -> dict[str, Any]:
    """Return the request's entries about directions."""
    if swing is None:
        return {}
    return {
        "directions": [pick.text for pick in tracks.directions],
        "directions_sha256": content_hash(swing.directions),
        "strength": tracks.strength,
    }


def check_motion(motion: Motion) -> None:
    """Raise if a number of the motion is out of range.

    Raises:
        UsageError: It is.
    """
    numbers = {"seconds": motion.seconds, "fps": motion.fps, "noise_walk": motion.noise_walk}
    for parameter, value in numbers.items():
        if value is not None and not (isfinite(value) and value > 0):
            raise UsageError("must be a positive number", parameter=parameter, value=f"{value:g}")
    for parameter, value, most in (
        ("fps", motion.fps, MAX_FPS),
        ("seconds", motion.seconds, MAX_SECONDS),
    ):
        if value > most:
            raise UsageError(
                f"out of range; the valid range is up to {most}",
                parameter=parameter,
                value=f"{value:g}",
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


def check_screen(screen: Screen) -> None:
    """Raise if the arrangement is impossible.

    Raises:
        UsageError: It is.
    """
    if screen.cols < 1 or screen.rows < 1:
        raise UsageError(f"`grid={screen.cols}x{screen.rows}`: must be at least 1x1")
    if screen.side is not None and screen.side < 1:
        raise UsageError("must be at least 1 pixel", parameter="size", value=screen.side)


def _request(
    network: Network, tracks: Tracks, found: Keyframes, motion: Motion, screen: Screen
) -> dict[str, Any]:
    chosen = [label_request(network, way) for way in tracks.ways]
    several = {key: [each[key] for each in chosen] for key in chosen[0]}
    if "label" in several:
        several["class"] = [None]
    return {
        "interp": motion.interp,
        "seeds": found.seeds,
        "style_seeds": found.style_seeds,
        "crossover": found.crossover.tolist() if found.style_seeds else None,
        "psi": list(tracks.psi),
        "cutoff": tracks.cutoff,
        "noise_mode": tracks.noise_mode,
        **({} if motion.noise_walk is None else {"noise_walk": motion.noise_walk}),
        **({"motions": found.motions.tolist()} if found.motions is not None else {}),
        **precision_claim(network.precision),
        **{key: each if len(each) > 1 else each[0] for key, each in several.items()},
        "seconds": motion.seconds,
        "fps": motion.fps,
        "loop": motion.loop,
        "easing": motion.easing,
        "grid": f"{screen.cols}x{screen.rows}",
        "size": screen.size_of(network.sizes.size).value,
    }
