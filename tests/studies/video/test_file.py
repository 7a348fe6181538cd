"""Videos of made-up frames: what encoders make of them, and what is refused."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_exe
from PIL import Image

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.rendering.header import Header
from stylegan_cli.studies.video.file import Film, describe_video, is_video, open_video
from tests.rendering.test_full_disk import small_files_only

HEADER = Header(
    study="video",
    request={"seeds": "0-7", "psi": [1.0], "note": "a=b; c#d\\e"},
    axes={},
    sheets=(),
    recipe="",
    network_sha256="abc",
)


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """Several parts of few frames."""
    monkeypatch.setattr("stylegan_cli.studies.video.file.FRAMES_A_PART", 4)


def reel(**changes):
    facts = {"width": 32, "height": 16, "channels": 3, "frames": 10, "fps": 25.0, "loop": True}
    return Film(**{"header": HEADER, "quality": 90, **facts, **changes})


def frame(film, number):
    """Soft colours, as encoders like them, another in every frame."""
    y, x = np.mgrid[: film.height, : film.width] / film.width
    ramps = [x, y, np.full_like(x, number / film.frames), 1 - x]
    return (255 * np.stack(ramps[-film.channels :] if film.channels == 1 else ramps, -1)).astype(
        np.uint8
    )[..., : film.channels]


def shoot(path, film, *, parts=None, **options):
    """Every missing part, or only so many; how many were missing."""
    file = open_video(path, film, **options)
    missing = file.missing()
    for part in missing[:parts]:
        with file.part(part) as take:
            for number in film.parts[part]:
                take(number, frame(film, number))
    if parts is None:
        file.finish()
    return len(missing)


def decoded(path, film):
    """Frames as a player shows them."""
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", path, "-f", "rawvideo"]
    pixels = subprocess.run(
        [*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, film.height, film.width, 3)


def animated(path):
    with Image.open(path) as image:
        facts = [], []
        for number in range(image.n_frames):
            image.seek(number)
            facts[0].append(np.asarray(image.convert("RGBA")))
            facts[1].append(image.info["duration"])
        return np.stack(facts[0]), facts[1], image.info.get("loop")


def distance(a, b):
    return np.abs(a.astype(int) - b).mean()


def test_an_mp4_has_every_frame_and_lasts_as_long_as_they_do(tmp_path):
    assert shoot(tmp_path / "a.mp4", reel()) == 3
    assert count_frames_and_secs(str(tmp_path / "a.mp4")) == (10, 0.4)


def test_an_mp4_shows_the_frames(tmp_path):
    film = reel()
    shoot(tmp_path / "a.mp4", film)
    shown = decoded(tmp_path / "a.mp4", film)
    expected = np.stack([frame(film, i) for i in range(10)])
    assert distance(shown, expected) < 6


def test_quality_costs_bytes(tmp_path):
    for quality in (10, 100):
        shoot(tmp_path / f"{quality}.mp4", reel(quality=quality))
    assert (tmp_path / "10.mp4").stat().st_size < (tmp_path / "100.mp4").stat().st_size


def test_an_mp4_says_in_its_comment_where_it_comes_from(tmp_path):
    shoot(tmp_path / "a.mp4", reel())
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", tmp_path / "a.mp4"]
    told = subprocess.run(
        [*command, "-f", "ffmetadata", "-"], capture_output=True, text=True, check=True
    ).stdout
    comment = re.search(r"^comment=(.*)$", told, re.MULTILINE)[1]
    assert json.loads(re.sub(r"\\([=;#\\])", r"\1", comment)) == json.loads(HEADER.origin)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_has_every_frame_at_its_time(tmp_path, suffix):
    film = reel()
    shoot(tmp_path / f"a{suffix}", film)
    shown, milliseconds, loop = animated(tmp_path / f"a{suffix}")
    assert (len(shown), sum(milliseconds), loop) == (10, 400, 0)
    assert distance(shown[..., :3], np.stack([frame(film, i) for i in range(10)])) < 8


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_says_where_it_comes_from(tmp_path, suffix):
    shoot(tmp_path / f"a{suffix}", reel())
    assert HEADER.origin.replace("&", "&amp;").encode() in (tmp_path / f"a{suffix}").read_bytes()


def test_an_animation_need_not_loop(tmp_path):
    shoot(tmp_path / "a.gif", reel(loop=False))
    shoot(tmp_path / "a.webp", reel(loop=False))
    assert animated(tmp_path / "a.gif")[2] is None
    assert animated(tmp_path / "a.webp")[2] == 1


def test_a_webp_stays_transparent(tmp_path):
    film = reel(channels=4)
    shoot(tmp_path / "a.webp", film)
    shown = animated(tmp_path / "a.webp")[0]
    assert distance(shown[..., 3], np.stack([frame(film, i)[..., 3] for i in range(10)])) < 4


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_frames_are_taken(tmp_path, suffix, channels):
    path = tmp_path / f"a{suffix}"
    shoot(path, reel(channels=channels, frames=4))
    assert path.stat().st_size > 100


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_going_on_gives_the_bytes_of_one_go(tmp_path, suffix, parts):
    shoot(tmp_path / f"whole{suffix}", reel())
    path = tmp_path / f"halved{suffix}"
    shoot(path, reel(), parts=parts)
    assert not path.exists()
    assert shoot(path, reel()) == 3 - parts
    assert path.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_a_part_that_was_broken_off_counts_as_missing(tmp_path):
    file = open_video(tmp_path / "a.mp4", reel())
    with pytest.raises(KeyboardInterrupt), file.part(0) as take:
        take(0, frame(reel(), 0))
        raise KeyboardInterrupt
    assert file.missing() == [0, 1, 2]
    assert [path.name for path in file.paths.parts.iterdir()] == ["video.json"]


def test_a_finished_video_stands_alone_with_its_account(tmp_path):
    shoot(tmp_path / "a.mp4", reel())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.mp4.json"]
    account = json.loads((tmp_path / "a.mp4.json").read_text())
    assert (account["frames"], account["request"]) == (10, HEADER.request)


def test_a_video_tells_what_it_is(tmp_path):
    shoot(tmp_path / "a.mp4", reel())
    (tmp_path / "b.webp").write_bytes(b"")
    (tmp_path / "b.webp.json").write_text('{"smile": 1}')
    assert is_video(tmp_path / "a.mp4")
    assert describe_video(tmp_path / "a.mp4")["network_sha256"] == "abc"
    assert not is_video(tmp_path / "b.webp")
    assert not is_video(tmp_path / "c.mp4")


def test_a_finished_video_is_left_as_it_is(tmp_path):
    shoot(tmp_path / "a.mp4", reel())
    written = (tmp_path / "a.mp4").stat().st_mtime_ns
    assert shoot(tmp_path / "a.mp4", reel()) == 0
    assert (tmp_path / "a.mp4").stat().st_mtime_ns == written


def test_frames_are_kept_to_the_bit_also_of_a_video_that_is_there(tmp_path):
    shoot(tmp_path / "a.mp4", reel())
    film = reel(keep_frames=True)
    assert shoot(tmp_path / "a.mp4", film) == 3
    found = sorted((tmp_path / "a-frames").iterdir())
    assert [path.name for path in found] == [f"{i:06d}.png" for i in range(10)]
    assert np.array_equal(np.asarray(Image.open(found[7])), frame(film, 7))


@pytest.mark.parametrize("parts", [None, 1])
def test_another_video_in_the_same_place_is_refused_unless_it_may_overwrite(tmp_path, parts):
    path = tmp_path / "a.mp4"
    shoot(path, reel(), parts=parts)
    request = {**HEADER.request, "psi": [0.5]}
    other = reel(header=Header(**{**vars(HEADER), "request": request}))
    with pytest.raises(OutputError, match=r"holds another video \(psi is 1.0, not 0.5\)"):
        shoot(path, other)
    assert shoot(path, other, overwrite=True) == 3


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("holidays")
    with pytest.raises(OutputError, match=r"no a.mp4.json describes it"):
        open_video(tmp_path / "a.mp4", reel())
    assert (tmp_path / "a.mp4").read_text() == "holidays"


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("a.mp4", {"width": 33}, "frames would be 33×16, and MP4 takes even sizes only"),
        ("a.gif", {"fps": 60.0}, "a GIF shows at most 50 frames a second"),
        ("a.mov", {}, "ends in .mp4, .gif, .webp; found .mov"),
        ("a", {}, "found no suffix"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_written(tmp_path, name, changes, words):
    with pytest.raises(UsageError, match=words):
        open_video(tmp_path / name, reel(**changes))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_ffmpeg_is_said_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="nowhere: cannot be run"):
        open_video(tmp_path / "a.mp4", reel())


def test_an_encoder_that_fails_says_why(tmp_path, monkeypatch):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho '[mp4 @ 0x55ab] No space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    with pytest.raises(OutputError, match=r"a.mp4: ffmpeg cannot write it \(No space left on dev"):
        shoot(tmp_path / "a.mp4", reel(width=640, height=640))
    assert not list(tmp_path.glob(".a.mp4.parts/*.mp4"))


def test_no_room_for_a_part_ends_in_words(tmp_path: Path):
    film = reel(width=256, height=256)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    file = open_video(tmp_path / "a.mp4", film)
    with (
        pytest.raises(OutputError, match=r"a.mp4: ffmpeg cannot write it"),
        small_files_only(),
        file.part(0) as take,
    ):
        for number in range(4):
            take(number, noise)
    assert file.missing() == [0, 1, 2]
