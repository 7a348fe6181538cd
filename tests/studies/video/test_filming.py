"""Videos on disk: kept frames, resuming, refusals."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.figures.png import write_png
from stylegan_cli.studies.video.encoding import FORMATS
from stylegan_cli.studies.video.filming import (
    Filming,
    Footage,
    default_video,
    describe_video,
    is_video,
)
from stylegan_cli.studies.video.motion import Motion, Screen, Tracks
from stylegan_cli.studies.video.video import footage, video

DIE_AFTER_SIX = """
import os, sys
from itertools import islice
from pathlib import Path
from stylegan_cli import api
network = api.load_network(Path(sys.argv[1]))
found = api.video(network, api.Tracks(seeds=[1, 2, 3]), api.Motion(seconds=0.1))
filming = api.Filming(api.footage(network, found), Path(sys.argv[2]))
list(islice(filming.frames(), 6))
filming.missing  # frames drawn within the last second may be lost, unless they are counted
os.kill(os.getpid(), 9)
"""


def ramp(request=None, network_sha256="abc"):
    """Footage without a network: a ramp that moves."""

    def draw(chosen, batch_size):
        for i in chosen:
            yield np.roll(np.arange(16 * 32 * 3) % 256, i).astype(np.uint8).reshape(16, 32, 3)

    return Footage(
        request=request or {"seeds": "0-7", "psi": [1.0]},
        network_sha256=network_sha256,
        recipe="",
        shape=(16, 32, 3),
        total=10,
        fps=25.0,
        draw=draw,
    )


@pytest.fixture
def drawing(network):
    return footage(network, video(network, Tracks(seeds=[1, 2, 3]), Motion(seconds=0.1)))


def shoot(footage, path, *, stop_after=None, **options):
    """Every missing frame, or only so many; the frames made."""
    with Filming(footage, path, **options) as filming:
        made = list(islice(filming.frames(), stop_after))
        if stop_after is None:
            filming.finish()
        return made


def test_a_video_has_exactly_its_frames(drawing, tmp_path):
    assert len(shoot(drawing, tmp_path / "a.mp4")) == drawing.total == 9
    assert count_frames_and_secs(str(tmp_path / "a.mp4")) == (9, 0.3)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("stop_after", [0, 4, 10])
def test_resuming_gives_the_bytes_of_one_go(tmp_path, suffix, stop_after):
    whole, halved = tmp_path / f"whole{suffix}", tmp_path / f"halved{suffix}"
    shoot(ramp(), whole)
    assert len(shoot(ramp(), halved, stop_after=stop_after)) == stop_after
    assert not halved.exists()
    assert len(shoot(ramp(), halved)) == 10 - stop_after
    assert halved.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("start", [1, 4, 8])
def test_a_frame_has_the_same_bits_whatever_others_are_drawn(drawing, start):
    every = list(drawing.draw(range(9), 4))
    later = list(drawing.draw(range(start, 9), 4))
    assert np.array_equal(every[start:], later)


def test_a_killed_process_leaves_its_frames(network_file, drawing, tmp_path):
    path = tmp_path / "killed.mp4"
    words = [sys.executable, "-c", DIE_AFTER_SIX, str(network_file), str(path)]
    assert subprocess.run(words, check=False).returncode == -9
    shoot(drawing, tmp_path / "whole.mp4")
    assert len(shoot(drawing, path)) == 3
    assert path.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_kept_frames_that_are_damaged_are_drawn_again(tmp_path):
    shoot(ramp(), tmp_path / "a.mp4", stop_after=4)
    (tmp_path / ".a.mp4.frames").write_bytes(b"not HDF5")
    with Filming(ramp(), tmp_path / "a.mp4") as filming:
        assert "not a readable HDF5 file" in filming.damage
        assert filming.missing == 10


def test_a_finished_video_stands_alone_with_its_account(tmp_path):
    shoot(ramp(), tmp_path / "a.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.mp4.json"]
    account = json.loads((tmp_path / "a.mp4.json").read_text())
    assert (account["frames"], account["width"], account["height"]) == (10, 32, 16)
    assert account["request"] == {**ramp().request, "format": "mp4", "quality": 80}


def test_a_video_tells_what_it_is(tmp_path):
    shoot(ramp(), tmp_path / "a.mp4")
    (tmp_path / "b.webp").write_bytes(b"")
    (tmp_path / "b.webp.json").write_text('{"smile": 1}')
    assert is_video(tmp_path / "a.mp4")
    assert describe_video(tmp_path / "a.mp4")["network_sha256"] == "abc"
    assert not is_video(tmp_path / "b.webp")
    assert not is_video(tmp_path / "c.mp4")
    assert not is_video(Path())


def test_a_finished_video_is_left_as_it_is(tmp_path):
    shoot(ramp(), tmp_path / "a.mp4")
    written = (tmp_path / "a.mp4").stat().st_mtime_ns
    assert shoot(ramp(), tmp_path / "a.mp4") == []
    assert (tmp_path / "a.mp4").stat().st_mtime_ns == written


@pytest.mark.parametrize("stop_after", [None, 4])
def test_frames_can_still_be_asked_for_later(tmp_path, stop_after):
    shoot(ramp(), tmp_path / "a.gif", stop_after=stop_after)
    made = shoot(ramp(), tmp_path / "a.gif", keep_frames=True)
    assert len(made) == (10 if stop_after is None else 6)
    found = sorted((tmp_path / "a-frames").iterdir())
    assert [path.name for path in found] == [f"{i:06d}.png" for i in range(10)]
    shown = [np.asarray(Image.open(path)) for path in found]
    assert np.array_equal(shown, list(ramp().draw(range(10), None)))
    assert shoot(ramp(), tmp_path / "a.gif", keep_frames=True) == []


@pytest.mark.parametrize("stop_after", [None, 1])
def test_another_video_in_the_same_place_is_refused_unless_it_may_overwrite(tmp_path, stop_after):
    path, other = tmp_path / "a.mp4", ramp(request={"seeds": "0-7", "psi": [0.5]})
    shoot(ramp(), path, stop_after=stop_after, keep_frames=True)
    with pytest.raises(OutputError, match=r"holds another video \(psi is 1.0, not 0.5\)"):
        Filming(other, path)
    assert len(shoot(other, path, overwrite=True)) == 10
    assert not list(tmp_path.glob("a-frames/*"))


def test_another_network_is_another_video(tmp_path):
    shoot(ramp(), tmp_path / "a.webp")
    with pytest.raises(OutputError, match="holds another video"):
        Filming(ramp(network_sha256="def"), tmp_path / "a.webp")


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("holidays")
    with pytest.raises(OutputError, match=r"no a.mp4.json describes it"):
        Filming(ramp(), tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_text() == "holidays"


@pytest.mark.parametrize("origin", ["a holiday", "[1]", '{"psi": 1}'])
def test_frames_and_accounts_of_others_end_in_words(tmp_path, origin):
    write_png(tmp_path / "a-frames" / "000000.png", np.zeros((4, 4, 3), np.uint8), origin=origin)
    with pytest.raises(OutputError, match="a-frames: holds another video"):
        Filming(ramp(), tmp_path / "a.gif", keep_frames=True)
    (tmp_path / "b.gif.json").write_text(f'{{"request": {json.dumps(origin)}}}')
    with pytest.raises(OutputError, match=r"b\.gif"):
        Filming(ramp(), tmp_path / "b.gif")


def test_the_same_request_goes_to_the_same_file():
    assert default_video(ramp()) == default_video(ramp())
    assert default_video(ramp()) != default_video(ramp(request={"seeds": "0-8"}))
    assert default_video(ramp()) != default_video(ramp(), quality=50)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.gif", {"quality": 50}, "`quality=50`: GIF and APNG have no quality"),
        ("a.mp4", {"quality": 101}, "`quality=101`: out of range; the valid range is 0-100"),
    ],
)
def test_a_quality_that_cannot_be_is_refused(tmp_path, name, options, words):
    with pytest.raises(UsageError, match=words):
        Filming(ramp(), tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_ffmpeg_is_said_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match=r"ffmpeg: cannot be run .*nowhere"):
        Filming(ramp(), tmp_path / "a" / "a.mp4")
    assert list(tmp_path.iterdir()) == []
    assert len(shoot(ramp(), tmp_path / "a.gif")) == 10


def test_odd_frames_are_refused_for_mp4_only(network, tmp_path):
    odd = video(network, Tracks(seeds=[1, 2]), Motion(seconds=0.1), Screen(side=17))
    with pytest.raises(UsageError, match="frames would be 17×17"):
        Filming(footage(network, odd), tmp_path / "a.mp4")
    for suffix in (".webm", ".webp"):
        assert len(shoot(footage(network, odd), Path(tmp_path / f"a{suffix}"))) == 6
