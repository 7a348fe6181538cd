import json
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from PIL import Image

from tests.commands import sgtool
from tests.tiny import tiny_growing, write_untrained

SHORT = ("--seeds", "1,2", "--seconds", "0.1")


def test_it_works_as_typed_and_prints_exactly_the_paths_it_wrote(here):
    done = sgtool("video", "--interp", "lerp-w")
    assert done.exit_code == 0
    written, account = done.stdout.splitlines()
    assert account == f"{written}.json"
    assert count_frames_and_secs(written) == (480, 16.0)
    assert "480 frames: 8 keyframes, 60 frames from one to the next" in done.stderr


def test_a_network_without_w_moves_in_z(here):
    recipe = tiny_growing("generator.mapping_layers=0", family="progan")
    write_untrained(here / "p.safetensors", recipe)
    done = sgtool("video", *SHORT, "--network", "p.safetensors", "-o", "a.gif", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["request"]["interp"] == "slerp-z"


def test_json_is_one_object_with_the_paths(here):
    done = sgtool("video", *SHORT, "--frames", "-o", "out/a.gif", "--json")
    facts = json.loads(done.stdout)
    assert (facts["total"], facts["made_now"]) == (6, 6)
    assert (facts["video"], facts["frames"]) == ("out/a.gif", "out/a-frames")
    assert all(Path(facts[key]).exists() for key in ("video", "account", "frames"))


def test_a_frame_at_a_keyframe_is_the_png_of_a_grid(here):
    assert sgtool("grid", "--seeds", "1,2", "--psi", "0.7", "-o", "grid").exit_code == 0
    assert sgtool("video", *SHORT, "--psi", "0.7", "--frames", "-o", "a.mp4").exit_code == 0
    for seed, frame in ((1, 0), (2, 3)):
        still = np.asarray(Image.open(f"grid/images/seed000{seed}.png"))
        assert np.array_equal(np.asarray(Image.open(f"a-frames/00000{frame}.png")), still)


def test_the_same_request_again_says_that_it_is_done(here):
    first = sgtool("video", *SHORT, "-o", "a.mp4")
    again = sgtool("video", *SHORT, "-o", "a.mp4")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert "a.mp4: all 6 frames exist already" in again.stderr


def test_a_grid_has_keyframes_for_every_stream_unless_told(here):
    done = sgtool("video", "--grid", "3x2", "--seconds", "0.05", "-o", "a.webp", "--json")
    facts = json.loads(done.stdout)
    assert facts["request"]["seeds"] == "0-47"
    with Image.open("a.webp") as image:
        assert image.size == (48, 32)


def test_a_circle_goes_through_two_seeds_unless_told(here):
    done = sgtool("video", "--interp", "circle-z", "--seconds", "0.05", "-o", "a.webp", "--json")
    assert json.loads(done.stdout)["request"]["seeds"] == "0,1"


def test_a_crossover_nobody_chose_is_named(here):
    done = sgtool("video", *SHORT, "--style-seeds", "3", "-o", "a.webp")
    assert "crossover 3 of 0-6; choose another with --crossover" in done.stderr


def test_classes_are_named_or_numbered(here, network_with_classes):
    words = ("video", *SHORT, "--network", str(network_with_classes.path), "-o", "a.webp")
    done = sgtool(*words, "--class", "owl,0", "--json")
    assert json.loads(done.stdout)["request"]["class"] == [2, 0]


@pytest.mark.parametrize(("chosen", "count"), [("cat,owl", 2), ("all", 3)])
def test_classes_alone_move_one_seed_from_each_to_the_next(
    here, network_with_classes, chosen, count
):
    words = ("video", "--seconds", "0.1", "--network", str(network_with_classes.path))
    done = sgtool(*words, "--class", chosen, "-o", "a.webp", "--json")
    assert json.loads(done.stdout)["request"]["seeds"] == "0"
    assert f"{count * 3} frames: {count} keyframes" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        (("--interp", "bezier"), 2, "--interp"),
        (("--seeds", "5-2"), 2, "--seeds 5-2: the range runs backwards"),
        (("--seeds", "5"), 2, "--seeds: only one keyframe"),
        (("--psi", "1,0"), 2, "--psi: 2 keyframes, where the longest track has 8"),
        (("--grid", "3"), 2, "--grid 3: not COLSxROWS"),
        (("--grid", "0x2"), 2, "--grid 0x2: not COLSxROWS"),
        (("--grid", "3x2", "--seeds", "0-7"), 2, "8 codes cannot be shared evenly among 6 streams"),
        (("--size", "33"), 2, "frames would be 33×33, and MP4 takes even sizes only"),
        (("--fps", "0"), 2, "--fps 0: must be a positive number"),
        (("--crossover", "2"), 2, "--crossover 2: there is no second track"),
        (("--style-seeds", "3", "--crossover", "9"), 2, "the valid range is 0-6"),
        (("--class", "cat"), 2, "has no classes"),
        (("--class", "cat,dog"), 2, "has no classes"),
        (("--class", "all"), 2, "has no classes"),
        (("--quality", "101"), 2, "--quality"),
        (("-o", "a.avi"), 2, "ends in one of .mp4, .webm, .gif, .webp, .apng; "),
        (("-o", "a.gif", "--quality", "50"), 2, "GIF and APNG have no quality"),
        (("-o", "a.gif", "--fps", "60"), 2, "a GIF shows at most 50"),
        (("--network", "nowhere"), 1, "nowhere: no such file"),
        (("--run", "nowhere"), 2, "--run: nowhere: there is no such run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_ends_in_words_and_writes_nothing(here, words, code, stderr):
    done = sgtool("video", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert stderr in done.stderr
    assert list(here.iterdir()) == []


def test_a_place_that_cannot_be_written_ends_in_words(here):
    (here / "file").write_text("")
    done = sgtool("video", *SHORT, "-o", "file/a.mp4")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "file: a file, where a folder is needed" in done.stderr
