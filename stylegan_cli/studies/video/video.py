"""A video: keyframes, the interpolation between them, and its frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from stylegan_cli.directions.direction import content_hash
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import resize, shown, tile
from stylegan_cli.latents.codes import Codes, each_column
from stylegan_cli.latents.sampling import Sampling, label_request
from stylegan_cli.networks.execution import default_batch_size, precision_claim
from stylegan_cli.networks.sizes import Sizes
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.video.keyframes import Keyframes, keyframes, stills
from stylegan_cli.studies.video.motion import EASINGS, ONE_PICTURE, STEADY, Motion, Screen
from stylegan_cli.studies.video.tracks import Swing, Tracks, open_swing


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
        notes=found.notes,
    )
    return Video(stills=plan, keyframes=found, motion=motion, screen=screen, swing=swing)


class Drawing:
    """A source of frames; frames at keyframes equal the keyframes' stills bit for bit."""

    def __init__(self, network: Network, video: Video) -> None:
        self._network, self._video = network, video
        screen, self._shown = video.screen, network.recipe.data.shown
        self._size = screen.size_of(network.sizes.size)
        self.shape: tuple[int, int, int] = (
            screen.rows * self._size.height,
            screen.cols * self._size.width,
            len(self._shown or range(network.sizes.channels)),
        )
        self.request: Mapping[str, Any] = video.stills.request
        self.recipe = dumps(network.recipe)
        self.network_sha256 = network.sha256
        self.total, self.fps, self.loop = video.frames, video.motion.fps, video.motion.loop

    def frames(self, chosen: range, batch_size: int | None = None) -> Iterator[Picture]:
        """Draw these frames in order, streams side by side.

        Args:
            chosen: A frame has the same bits whatever others are drawn.
            batch_size: Images at once; changes time and memory, and a pixel by 1 at most.
        """
        from stylegan_cli.studies.video.images import pictures

        screen = self._video.screen
        size = batch_size or default_batch_size(self._network.sizes.size)
        # batches are cut as if from the first frame on: an image keeps its neighbours
        start, stop = chosen.start * screen.streams, chosen.stop * screen.streams
        images = (Image(*divmod(i, screen.streams)) for i in range(start // size * size, stop))
        drawn = islice(pictures(self._network, self._video, images, size), start % size, None)
        while streams := tuple(islice(drawn, screen.streams)):
            yield tile(
                np.stack([resize(shown(each, self._shown), self._size) for each in streams]),
                screen.cols,
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
    sampling = Sampling(psi=tracks.psi[0], cutoff=tracks.cutoff)
    return open_swing(network, tracks.directions, tracks.strength, sampling)


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
        **motion.request,
        "grid": f"{screen.cols}x{screen.rows}",
        "size": screen.size_of(network.sizes.size).value,
    }
