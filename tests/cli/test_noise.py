import json
from math import ceil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.figures.layout import MIN_SIDE
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.studies.noise.study import NoiseOptions, noise_variation
from tests.commands import sgtool

PICTURES = ["noise.png", "noise-draws.png", "noise-maps.png", "noise-layers.png"]


@pytest.fixture(scope="module")
def done(tmp_path_factory, network_file):
    """A study of two seeds, and what its command said."""
    folder = tmp_path_factory.mktemp("noise") / "out"
    words = ("noise", "--seeds", "0,1", "--draws", "3", "--network", str(network_file))
    return folder, sgtool(*words, "-o", str(folder), "--json")


def test_json_lists_what_was_written(done):
    folder, said = done
    facts = json.loads(said.stdout)
    assert said.exit_code == 0
    assert facts["sheets"] == [str(folder / "noise.png")]
    assert facts["pictures"] == [
        str(folder / f"noise-{name}.png") for name in ("draws", "maps", "layers", "variance")
    ]
    assert all(Path(path).exists() for path in (*facts["sheets"], *facts["pictures"]))


def test_json_tells_what_the_file_tells(done):
    folder, said = done
    facts = json.loads(said.stdout)
    with h5py.File(folder / "noise.h5") as file:
        rms = file["layers/rms"][...]
        noise = file["variance/noise"][...].mean(axis=(1, 2, 3), dtype=np.float64)
    assert [layer["rms"] for layer in facts["layers"]] == pytest.approx(rms.tolist())
    assert [layer["side"] for layer in facts["layers"]] == [4, 8, 8, 16, 16]
    assert [each["noise"] for each in facts["shares"]] == ["all", "none", "coarse", "middle"]
    assert [each["noise_variance"] for each in facts["shares"]] == pytest.approx(noise.tolist())


def test_a_share_is_that_of_noise_in_both_variances(done):
    _, said = done
    for each in json.loads(said.stdout)["shares"]:
        whole = max(each["style_variance"], 0) + each["noise_variance"]
        assert each["share"] == pytest.approx(each["noise_variance"] / whole)


def test_the_tables_stand_on_stderr(done):
    _, said = done
    lines = said.stderr.splitlines()
    layers = lines.index("noise input     side  strength  RMS difference in grey levels")
    assert [line.split()[:3] for line in lines[layers + 1 : layers + 6]] == [
        [str(i), str(side), "px"] for i, side in enumerate((4, 8, 8, 16, 16))
    ]
    assert [line.split()[0] for line in lines[layers + 7 :]] == ["all", "none", "coarse", "middle"]


def test_every_draw_is_a_picture_of_its_own(done):
    folder, _ = done
    names = {path.name for path in (folder / "images").iterdir()}
    assert {"seed0001-noiseall.png", "seed0001-noisenone.png", "seed0001-draws0002.png"} <= names
    assert len(names) == 2 * (4 + 3)


def test_a_part_of_each_draw_is_shown_enlarged(done):
    folder, _ = done
    sheet = np.asarray(Image.open(folder / "noise-draws.png"))
    with h5py.File(folder / "noise.h5") as file:
        x, y, size = file["crops/window"][0].astype(int)
        part = file["draws/images"][0, 0, y : y + size, x : x + size]
    factor = 4 * ceil(MIN_SIDE / 16)  # a quarter of an image of 16 px, as large as images are shown
    enlarged = part.repeat(factor, axis=0).repeat(factor, axis=1)
    side = len(enlarged)
    places = np.argwhere((sheet == enlarged[0, 0]).all(axis=2))
    assert any(np.array_equal(sheet[y : y + side, x : x + side], enlarged) for y, x in places)


def test_the_same_again_is_done_and_tells_the_same(done, network_file):
    folder, first = done
    words = ("noise", "--seeds", "0,1", "--draws", "3", "--network", str(network_file))
    again = sgtool(*words, "-o", str(folder), "--json")
    facts, before = json.loads(again.stdout), json.loads(first.stdout)
    assert facts["made_now"] == 0
    assert (facts["layers"], facts["shares"]) == (before["layers"], before["shares"])


def test_measurements_that_are_left_are_counted(here, network):
    plan = noise_variation(network, [1], NoiseOptions(draws=2))
    with Recording(network, plan, Path("out")) as recording:
        list(recording.cells())
    said = sgtool("noise", "--seeds", "1", "--draws", "2", "-o", "out")
    assert "all 6 images exist already, 19 measurements are missing" in said.stderr
    assert said.exit_code == 0


def test_one_seed_prints_its_paths_and_leaves_styles_open(here):
    said = sgtool("noise", "--seeds", "1", "--draws", "2", "--layers", "3-", "-o", "out")
    assert said.stdout.splitlines() == [f"out/{name}" for name in (*PICTURES, "noise.h5", "images")]
    assert said.stderr.splitlines()[-1].split()[0] == "3-"
    assert said.stderr.splitlines()[-1].split()[2:] == ["-", "-"]


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        (("--seeds", "1", "--draws", "1"), "--draws"),
        (("--seeds", "1", "--crop", "1,2"), "--crop 1,2: not left,top,side"),
        (("--seeds", "1", "--crop", "1,2,16"), "--crop 1,2,16: reaches beyond the images"),
        (("--seeds", "1", "--layers", "none"), "--layers none: nothing is left to draw"),
        (("--seeds", "1", "--noise-mode", "none"), "--noise-mode"),
        (("--seeds", "x"), "--seeds x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_ends_in_words_and_writes_nothing(here, words, stderr):
    said = sgtool("noise", *words)
    assert (said.exit_code, said.stdout) == (2, "")
    assert stderr in said.stderr
    assert list(here.iterdir()) == []
