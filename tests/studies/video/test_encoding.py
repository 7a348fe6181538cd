"""Animations of made-up frames: content, timing, origin, and what formats cannot hold."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_exe
from PIL import Image

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.studies.video.encoding import FORMATS, Reel, check_format, write_animation
from tests.rendering.test_full_disk import small_files_only

ORIGIN = json.dumps({"note": "a=b; c#d\\e", "psi": [1.0]})
WIDTH, HEIGHT = 32, 16
MOVIES, ANIMATIONS = (".mp4", ".webm"), (".gif", ".webp", ".apng")


def reel(**changes):
    return Reel(**{"frames": 10, "fps": 25.0, "quality": 90, "origin": ORIGIN, **changes})


def frame(number, channels=3):
    """Soft colours, as encoders like them, another in every frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / WIDTH
    ramps = np.stack([x, y, np.full_like(x, number / 10), 1 - x], -1)
    return (255 * (ramps[..., 3:] if channels == 1 else ramps[..., :channels])).astype(np.uint8)


def frames(channels=3):
    return np.stack([frame(i, channels) for i in range(10)])


def decoded(path):
    """Frames as a player shows them."""
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", path, "-f", "rawvideo"]
    pixels = subprocess.run(
        [*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def animated(path):
    with Image.open(path) as image:
        shown, milliseconds = [], []
        for number in range(image.n_frames):
            image.seek(number)
            shown.append(np.asarray(image.convert("RGBA")))
            milliseconds.append(image.info["duration"])
        return np.stack(shown), milliseconds, image.info.get("loop")


def distance(a, b):
    return np.abs(a.astype(int) - b).mean()


@pytest.mark.parametrize("suffix", MOVIES)
def test_a_movie_has_every_frame_and_lasts_as_long_as_they_do(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel())
    assert count_frames_and_secs(str(tmp_path / f"a{suffix}")) == (10, 0.4)


@pytest.mark.parametrize("suffix", MOVIES)
def test_a_movie_shows_the_frames(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel())
    assert distance(decoded(tmp_path / f"a{suffix}"), frames()) < 6


@pytest.mark.parametrize("suffix", MOVIES)
def test_quality_costs_bytes(tmp_path, suffix):
    for quality in (10, 100):
        write_animation(tmp_path / f"{quality}{suffix}", frame, reel(quality=quality))
    low, high = ((tmp_path / f"{quality}{suffix}").stat().st_size for quality in (10, 100))
    assert low < high


@pytest.mark.parametrize("suffix", MOVIES)
def test_a_movie_says_in_its_comment_where_it_comes_from(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel())
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", tmp_path / f"a{suffix}"]
    told = subprocess.run(
        [*command, "-f", "ffmetadata", "-"], capture_output=True, text=True, check=True
    ).stdout
    comment = re.search(r"^comment=(.*)$", told, re.MULTILINE | re.IGNORECASE)[1]
    assert re.sub(r"\\([=;#\\])", r"\1", comment) == ORIGIN


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_has_every_frame_at_its_time(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel(fps=30.0))
    shown, milliseconds, loop = animated(tmp_path / f"a{suffix}")
    last = 330 if suffix == ".gif" else 333
    assert (len(shown), round(sum(milliseconds)), loop) == (10, last, 0)
    assert distance(shown[..., :3], frames()) < 8


def test_an_apng_keeps_every_bit(tmp_path):
    write_animation(tmp_path / "a.apng", lambda i: frame(i, 4), reel())
    shown = animated(tmp_path / "a.apng")[0]
    visible = shown[..., 3] > 0
    assert np.array_equal(shown[visible], frames(4)[visible])


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_says_where_it_comes_from(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel())
    assert ORIGIN.encode() in (tmp_path / f"a{suffix}").read_bytes()


@pytest.mark.parametrize(("suffix", "expected"), [(".gif", None), (".webp", 1), (".apng", 1)])
def test_an_animation_need_not_loop(tmp_path, suffix, expected):
    write_animation(tmp_path / f"a{suffix}", frame, reel(loop=False))
    assert animated(tmp_path / f"a{suffix}")[2] == expected


def test_a_webp_stays_transparent(tmp_path):
    write_animation(tmp_path / "a.webp", lambda i: frame(i, 4), reel())
    shown = animated(tmp_path / "a.webp")[0]
    assert distance(shown[..., 3], frames(4)[..., 3]) < 4


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_frames_are_taken(tmp_path, suffix, channels):
    path = tmp_path / f"a{suffix}"
    write_animation(path, lambda i: frame(i, channels), reel(frames=4))
    assert path.stat().st_size > 100


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_animation_may_be_a_single_frame(tmp_path, suffix):
    write_animation(tmp_path / f"a{suffix}", frame, reel(frames=1))
    assert (tmp_path / f"a{suffix}").stat().st_size > 100


@pytest.mark.parametrize(
    ("name", "size", "fps", "words"),
    [
        ("a.mp4", (33, 16), 25.0, "frames would be 33×16, and MP4 takes even sizes only"),
        ("a.gif", (32, 16), 60.0, "a GIF shows at most 50 frames a second"),
        ("a.mov", (32, 16), 25.0, "ends in one of .mp4, .webm, .gif, .webp, .apng; "),
        ("a", (32, 16), 25.0, "write for example a.mp4"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name, size, fps, words):
    with pytest.raises(UsageError, match=words):
        check_format(Path(name), *size, fps)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo '[mp4 @ 0x55ab] No space left on device' >&2; exit 1", "No space left on device"),
        ("cat > /dev/null", "it stopped before the last frame"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio's pipe
def test_an_encoder_that_fails_says_why(tmp_path, monkeypatch, script, words):
    broken = tmp_path / "ffmpeg"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    with pytest.raises(OutputError, match=rf"a.mp4: ffmpeg cannot write it \({words}"):
        write_animation(tmp_path / "a.mp4", frame, reel())
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_room_ends_in_words_and_leaves_nothing(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    with pytest.raises(OutputError, match=r"cannot write it|cannot be written"), small_files_only():
        write_animation(tmp_path / f"a{suffix}", lambda i: np.roll(noise, i, 0), reel(frames=2))
    assert list(tmp_path.iterdir()) == []
