import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from stylegan_cli.errors import OutputError, UsageError
from stylegan_cli.studies.video.filming import Filming, default_video
from stylegan_cli.studies.video.keyframes import Tracks
from stylegan_cli.studies.video.video import Motion, Screen, video

DIE_AFTER_SIX = """
import os, sys
from itertools import islice
from pathlib import Path
from stylegan_cli import api
from stylegan_cli.studies.video import file as files
files.FRAMES_A_PART = 4
network = api.load_network(Path(sys.argv[1]))
found = api.video(network, api.Tracks(seeds=[1, 2, 3]), api.Motion(seconds=0.1))
list(islice(api.Filming(network, found, Path(sys.argv[2])).frames(), 6))
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """Several parts of few frames."""
    monkeypatch.setattr("stylegan_cli.studies.video.file.FRAMES_A_PART", 4)


@pytest.fixture
def found(network):
    return video(network, Tracks(seeds=[1, 2, 3]), Motion(seconds=0.1))


def shoot(network, found, path, **options):
    """Everything in one go; the frames made."""
    filming = Filming(network, found, path, **options)
    made = list(filming.frames())
    filming.finish()
    return made


def test_a_video_has_exactly_its_frames(network, found, tmp_path):
    assert len(shoot(network, found, tmp_path / "a.mp4")) == found.frames == 9
    assert count_frames_and_secs(str(tmp_path / "a.mp4")) == (9, 0.3)


@pytest.mark.parametrize("stop_after", [0, 2, 6, 9])
def test_going_on_gives_the_bytes_of_one_go(network, found, tmp_path, stop_after):
    shoot(network, found, tmp_path / "whole.mp4")
    stopped = Filming(network, found, tmp_path / "halved.mp4")
    list(islice(stopped.frames(), stop_after))
    made = len(shoot(network, found, tmp_path / "halved.mp4"))
    assert made == 9 - min(8, stop_after // 4 * 4)
    assert (tmp_path / "halved.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_killed_process_leaves_its_whole_parts(network, network_file, found, tmp_path):
    path = tmp_path / "killed.mp4"
    words = [sys.executable, "-c", DIE_AFTER_SIX, str(network_file), str(path)]
    assert subprocess.run(words, check=False).returncode == -9
    shoot(network, found, tmp_path / "whole.mp4")
    assert len(shoot(network, found, path)) == 5
    assert path.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_the_frames_on_disk_are_those_that_were_drawn(network, found, tmp_path):
    made = shoot(network, found, tmp_path / "a.gif", keep_frames=True)
    for number, frame in enumerate(made):
        kept = np.asarray(Image.open(tmp_path / f"a-frames/{number:06d}.png"))
        assert np.array_equal(kept, frame)


def test_the_same_request_goes_to_the_same_file(network, found):
    again = video(network, Tracks(seeds=[1, 2, 3]), Motion(seconds=0.1))
    other = video(network, Tracks(seeds=[1, 2, 4]), Motion(seconds=0.1))
    assert default_video(network, found) == default_video(network, again)
    assert default_video(network, found) != default_video(network, other)
    assert default_video(network, found) != default_video(network, found, quality=50)


def test_another_network_is_another_video(network, network_with_classes, found, tmp_path):
    shoot(network, found, tmp_path / "a.webp")
    other = video(network_with_classes, Tracks(seeds=[1, 2, 3]), Motion(seconds=0.1))
    with pytest.raises(OutputError, match="holds another video"):
        Filming(network_with_classes, other, tmp_path / "a.webp")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.gif", {"quality": 50}, "`quality=50`: a GIF has no quality"),
        ("a.mp4", {"quality": 101}, "`quality=101`: out of range; the valid range is 0-100"),
    ],
)
def test_a_quality_that_cannot_be_is_refused(network, found, tmp_path, name, options, words):
    with pytest.raises(UsageError, match=words):
        Filming(network, found, tmp_path / name, **options)


def test_odd_frames_are_refused_for_mp4_only(network, tmp_path):
    odd = video(network, Tracks(seeds=[1, 2]), Motion(seconds=0.1), Screen(side=17))
    with pytest.raises(UsageError, match="frames would be 17×17"):
        Filming(network, odd, tmp_path / "a.mp4")
    assert len(shoot(network, odd, tmp_path / "a.webp")) == 6
