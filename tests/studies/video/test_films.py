"""Films of a training."""

import json
from dataclasses import replace

import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs
from safetensors.torch import load_file
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.errors import UsageError
from stylegan_cli.figures.png import tile
from stylegan_cli.latents.sampling import Sampling
from stylegan_cli.networks.header import read_header
from stylegan_cli.networks.snapshot import load_network, save_tensors
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.video.films import film_of_run
from stylegan_cli.studies.video.motion import Motion, Screen
from tests.tiny import write_network

SHORT = Motion(seconds=0.1, fps=40.0)  # four frames from snapshot to snapshot
PAIR = Screen(cols=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for kimg in (0, 10, 20):
        path = write_network(folder / f"network-{kimg:06d}.safetensors")
        save_tensors(path, replace(read_header(path), kimg=float(kimg)), load_file(path))
    return folder


def film(run, seeds=(1, 2), **motion):
    paths = sorted(run.glob("*.safetensors"))
    return film_of_run(paths, load_network, seeds, Sampling(), replace(SHORT, **motion), PAIR)


def stills(run, number, seeds=(1, 2)):
    """The images of a snapshot, enlarged as the film shows them."""
    network = load_network(sorted(run.glob("*.safetensors"))[number])
    cells = np.stack([cell.pixels for cell in render(network.G, grid(network, list(seeds)))])
    return tile(cells.repeat(8, axis=1).repeat(8, axis=2), 2)


def test_snapshots_are_shown_as_grid_draws_them_and_the_last_one_stays(run):
    frames = list(film(run).draw(range(12), None))
    for number in range(3):
        assert np.array_equal(frames[4 * number][:128], stills(run, number))
    assert all(np.array_equal(frames[8], frame) for frame in frames[9:])


def test_halfway_between_two_snapshots_is_their_mean(run):
    (frame,) = film(run).draw(range(2, 3), None)
    mean = (stills(run, 0).astype(float) + stills(run, 1)) / 2
    assert np.abs(frame[:128] - mean).max() <= 0.5


def test_below_the_pictures_stands_the_kimg(run):
    found = film(run)
    frames = list(found.draw(range(12), None))
    assert {frame.shape for frame in frames} == {found.shape}
    assert found.shape[0] > 128 and found.shape[0] % 2 == 0
    labels = [frame[128:] for frame in frames]
    assert all(label.min() < 128 for label in labels)
    assert not np.array_equal(labels[0], labels[4])


def test_a_frame_has_the_same_bits_whatever_others_are_drawn(run):
    every = list(film(run).draw(range(12), None))
    assert np.array_equal(every[6:], list(film(run).draw(range(6, 12), None)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": (1, 2, 3)}, "`seeds`: 3 codes for 2 pictures"),
        ({"fps": 0.0}, "`fps=0`: must be a positive number"),
    ],
)
def test_what_cannot_be_filmed_is_said_in_words(run, options, words):
    with pytest.raises(UsageError, match=words):
        film(run, **options)


def test_the_command_makes_the_film_and_resumes(run, tmp_path):
    path = tmp_path / "film.mp4"
    words = ("video", "--run", str(run), "--seconds", "0.1", "-o", str(path), "--json")
    facts = json.loads(CliRunner().invoke(app, words).stdout)
    assert (facts["total"], facts["made_now"]) == (9, 9)
    assert facts["request"]["snapshots"] == [0.0, 10.0, 20.0]
    assert count_frames_and_secs(str(path)) == (9, 0.3)
    assert json.loads(CliRunner().invoke(app, words).stdout)["made_now"] == 0


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        (("--interp", "lerp-z"), "--interp: not with --run"),
        (("--psi", "1,0"), "--psi 1,0: one number with --run"),
        (("--seeds", "0-3"), "--seeds: 4 codes for 8 pictures"),
    ],
)
def test_a_mistake_ends_in_words(run, tmp_path, monkeypatch, words, stderr):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ("video", "--run", str(run), *words))
    assert (done.exit_code, done.stdout) == (2, "")
    assert stderr in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_the_environment_gives_way_to_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_NETWORK", "portraits-64")
    path = tmp_path / "film.gif"
    done = CliRunner().invoke(
        app, ("video", "--run", str(run), "--seconds", "0.1", "-o", str(path))
    )
    assert done.exit_code == 0, done.stderr


def test_a_single_snapshot_makes_no_film(tmp_path):
    write_network(tmp_path / "network-000012.safetensors")
    with pytest.raises(UsageError, match="there is only one here"):
        film(tmp_path)
