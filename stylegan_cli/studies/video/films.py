"""Films of an edit, and of a training: the same seeds at every snapshot of a run, cross-faded."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from math import ceil, cos, pi, sqrt
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from stylegan_cli.directions.references import DirectionPick
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.layout import INK, PAPER, font, line_height
from stylegan_cli.figures.png import resize, shown, tile, to_image
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.recipe import dumps
from stylegan_cli.rendering.plan import Plan, Tables
from stylegan_cli.shapes import Picture
from stylegan_cli.sizes import Size
from stylegan_cli.studies.editing import Editing, EditOptions
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.video.filming import Footage
from stylegan_cli.studies.video.motion import EASINGS, Motion, Screen

SMALLEST = 128
"""Films enlarge smaller pictures, by a whole factor, to at least this many pixels."""

FPS, STEPS = 30.0, 60
"""Of an edit: frames per second, and frames from the lowest strength to the highest."""


def film_of_edit(
    network: Network,
    seeds: Sequence[Pick],
    directions: Sequence[DirectionPick],
    options: EditOptions,
    sampling: Sampling = PLAIN,
) -> Footage:
    """Return the film of an edit, a stream for each seed: up to the highest strength and back.

    It rests at both ends. Codes are moved frame by frame, so memory does not grow with the number
    of frames.
    """
    editing = Editing(
        network=network, seeds=seeds, picks=directions, options=options, sampling=sampling
    )
    low, high = min(editing.strengths), max(editing.strengths)
    if low == high:
        raise UsageError(
            "only one strength, and a film leads from one to another; give two",
            parameter="strength",
            value=low,
        )
    size, names = network.sizes.size.at_least(SMALLEST), editing.picked.names
    cols = ceil(sqrt(len(names)))
    rows = ceil(len(names) / cols)
    channels = len(network.recipe.data.shown or range(network.sizes.channels))
    blanks = [np.full((*size.shape, channels), 255, np.uint8)] * (rows * cols - len(names))

    def draw(chosen: range, batch_size: int | None) -> Iterator[Picture]:
        for number in chosen:
            share = (1 - cos(pi * min(number, 2 * STEPS - number) / STEPS)) / 2
            codes = editing.moved(low + (high - low) * share)
            plan = Plan(
                study="edit",
                request={},
                noise_mode=sampling.noise_mode,
                axes={"seed": names},
                sheets=("",),
                make=partial(Tables, codes=codes),
            )
            pictures = (resize(each, size) for each in _drawn(network, plan, batch_size))
            yield tile(np.stack([*pictures, *blanks]), cols)

    return Footage(
        request={
            **editing.request,
            "strengths": [low, high],
            "frames": 2 * STEPS,
            "fps": FPS,
            "size": size.longer,
        },
        network_sha256=network.sha256,
        recipe=dumps(network.recipe),
        shape=(rows * size.height, cols * size.width, channels),
        total=2 * STEPS,
        fps=FPS,
        draw=draw,
    )


def film_of_run(
    snapshots: Sequence[Path],
    open_network: Callable[[Path], Network],
    seeds: Sequence[Pick],
    sampling: Sampling,
    motion: Motion,
    screen: Screen,
) -> Footage:
    """Return the film of a run: each snapshot leads to the next one, and the last stays.

    Below the pictures stands the kimg.

    Args:
        snapshots: Network files of the run, the oldest first.
        open_network: Opens one of them for drawing; its weights are let go after its picture.
        seeds: One for each picture of a frame.
        motion: Time from one snapshot to the next, and the easing.
    """
    _check_run(snapshots, seeds, screen)
    networks = [open_network(path) for path in snapshots]
    kimg, last = [network.kimg for network in networks], networks[-1]
    size = screen.size_of(last.sizes.size.at_least(SMALLEST))
    height = size.height * screen.rows
    # an even strip keeps an even height even
    strip = (line_height(_text_size(height)) + 1) // 2 * 2

    @lru_cache(2)
    def sheet(number: int, batch_size: int | None) -> Picture:
        network = open_network(snapshots[number])
        drawn = _drawn(network, grid(network, seeds, sampling), batch_size)
        return tile(np.stack([_enlarged(each, size) for each in drawn]), screen.cols)

    def draw(chosen: range, batch_size: int | None) -> Iterator[Picture]:
        for number in chosen:
            k, step = divmod(number, motion.segment)
            share, following = EASINGS[motion.easing](step / motion.segment), k + 1
            picture, now = sheet(k, batch_size), kimg[k]
            if step and following < len(kimg):
                other = sheet(following, batch_size)
                picture = np.rint((1 - share) * picture + share * other).astype(np.uint8)
                now = (1 - share) * kimg[k] + share * kimg[following]
            words = f"{now:,.0f} kimg" if kimg[-1] >= 10 else f"{now:.2f} kimg"
            yield _labelled(picture, strip, words)

    return Footage(
        request={
            **grid(last, seeds, sampling).request,
            "snapshots": kimg,
            **motion.request,
            "grid": f"{screen.cols}x{screen.rows}",
            "size": size.longer,
        },
        network_sha256=sha256("".join(each.sha256 for each in networks).encode()).hexdigest(),
        recipe=dumps(last.recipe),
        shape=(height + strip, size.width * screen.cols, 3),
        total=len(networks) * motion.segment,
        fps=motion.fps,
        loop=motion.loop,
        draw=draw,
    )


def _check_run(snapshots: Sequence[Path], seeds: Sequence[Pick], screen: Screen) -> None:
    if len(snapshots) < 2:
        raise UsageError(
            "a film leads from one snapshot to the next, and there is "
            f"{'only one' if snapshots else 'none'} here; name a run, train on, or lower "
            "`report.snapshot_ticks`",
            parameter="run",
        )
    if len(seeds) != screen.streams:
        raise UsageError(
            f"{len(seeds)} codes for {screen.streams} pictures; give as many", parameter="seeds"
        )


def _drawn(network: Network, plan: Plan, batch_size: int | None) -> list[Picture]:
    """Draw the images of a plan, in order."""
    from stylegan_cli.rendering.render import render

    cells = render(network.G, plan, batch_size=batch_size)
    ordered = sorted(cells, key=lambda cell: cell.address.position)
    return [shown(cell.pixels, network.recipe.data.shown) for cell in ordered]


def _enlarged(pixels: Picture, size: Size) -> UInt8[np.ndarray, "_ _ 3"]:
    image = to_image(pixels)
    factor = max(1, size.longer // max(image.size))
    large = np.asarray(image.convert("RGB")).repeat(factor, axis=0).repeat(factor, axis=1)
    return resize(large, size)


def _text_size(height: int) -> int:
    return max(14, height // 24)


def _labelled(pixels: Picture, strip: int, words: str) -> UInt8[np.ndarray, "_ _ 3"]:
    """Add a strip of text below a picture."""
    height, width, _ = pixels.shape
    canvas, text = Image.new("RGB", (width, height + strip), PAPER), _text_size(height)
    canvas.paste(to_image(pixels))
    place = (text // 2, height + strip / 2)
    ImageDraw.Draw(canvas).text(place, words, INK, font(text), anchor="lm")
    return np.asarray(canvas)
