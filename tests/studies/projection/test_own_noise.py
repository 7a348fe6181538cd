"""Noise that was found with a code goes with it wherever the code goes."""

from itertools import pairwise

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.latents.codes import OwnNoise, join_codes, noise_columns
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.execution import open_for_drawing
from stylegan_cli.rendering.render import render
from stylegan_cli.studies.grid import grid
from stylegan_cli.studies.mixing import mix
from stylegan_cli.studies.projection.pictures import Album, Framing
from stylegan_cli.studies.video.motion import Motion, Tracks
from stylegan_cli.studies.video.video import footage, video

QUICK = ("--steps", "3", "--init", "mean", "--detector", "alex", "-q")


@pytest.fixture(scope="module")
def place(tmp_path_factory, network_file):
    """A folder with two projected images of the network, and the network."""
    folder = tmp_path_factory.mktemp("own")
    words = ("project", "5", "6", "--network", str(network_file), "-o", str(folder / "projected"))
    assert CliRunner().invoke(app, [*words, *QUICK]).exit_code == 0
    return folder, open_for_drawing(network_file)


def images(place):
    with h5py.File(place[0] / "projected/projected.h5") as file:
        return file["images"][...]


def picks(place, index):
    return parse_picks(f"{place[0]}/projected/projected.h5:{index}")


def drawn(network, plan, table="/"):
    cells = render(network.G, plan)
    return {c.address.position: c.pixels for c in cells if c.address.table == table}


def test_the_file_holds_a_set_of_maps_for_each_picture(place):
    codes = codes_of_picks(place[1], picks(place, "all"), PLAIN).codes
    assert [type(own) for own in codes.own_noise] == [OwnNoise, OwnNoise]
    shapes = [each.shape for each in codes.own_noise[0].maps]
    assert shapes == [size.shape for size in place[1].G.synthesis.noise_sizes]


def test_a_code_is_projected_as_the_picture_that_it_shows(place):
    (subject,) = Album(place[1], picks(place, "0"), Framing()).subjects
    np.testing.assert_array_equal(subject.load(), images(place)[0])


def test_a_grid_shows_the_projected_pictures_to_the_bit(place):
    plan = grid(place[1], [*picks(place, "0-1"), 3])
    found = drawn(place[1], plan)
    np.testing.assert_array_equal(found[(0,)], images(place)[0])
    np.testing.assert_array_equal(found[(1,)], images(place)[1])
    usual = drawn(place[1], grid(place[1], [3]))
    np.testing.assert_array_equal(found[(2,)], usual[(0,)])


def test_the_noise_makes_a_difference_and_can_be_left_out(place):
    own = drawn(place[1], grid(place[1], picks(place, 0)))
    none = drawn(place[1], grid(place[1], picks(place, 0), Sampling(noise_mode="none")))
    assert (own[(0,)] != none[(0,)]).any()


def test_mixed_from_the_last_layer_on_it_is_the_projected_picture_to_the_bit(place):
    network = place[1]
    last = network.G.num_ws
    plan = mix(network, picks(place, 0), [*picks(place, 1), 3], crossover=(2, last, 0))
    found = drawn(network, plan)
    np.testing.assert_array_equal(found[(1, 0, 0)], images(place)[0])
    np.testing.assert_array_equal(found[(1, 0, 1)], images(place)[0])
    np.testing.assert_array_equal(found[(2, 0, 0)], images(place)[1])
    sources = drawn(network, plan, "col_sources")
    np.testing.assert_array_equal(sources[(0,)], images(place)[1])


def test_a_video_passes_through_the_projected_pictures(place):
    tracks = Tracks(seeds=[*picks(place, "0-1"), 3])
    film = video(place[1], tracks, Motion(seconds=0.1, fps=30.0))
    frames = list(footage(place[1], film).draw(range(film.frames), None))
    np.testing.assert_array_equal(frames[0], images(place)[0])
    np.testing.assert_array_equal(frames[film.motion.segment], images(place)[1])
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert max(steps) < 4 * np.mean(steps)


def test_a_result_hands_the_noise_on(place, tmp_path, network_file):
    code = f"{place[0]}/projected/projected.h5:0"
    common = ("--network", str(network_file), "-q")
    words = ("grid", "--seeds", f"{code},3", "-o", str(tmp_path / "grid"), *common)
    assert CliRunner().invoke(app, words).exit_code == 0
    again = drawn(place[1], grid(place[1], parse_picks(f"{tmp_path}/grid/grid.h5:0")))
    np.testing.assert_array_equal(again[(0,)], images(place)[0])


def test_a_file_is_found_in_the_folder_of_its_name(place, monkeypatch):
    monkeypatch.chdir(place[0])
    codes = codes_of_picks(place[1], parse_picks("projected.h5:0"), PLAIN).codes
    assert codes.own_noise[0] is not None


def test_the_studies_of_noise_and_truncation_take_such_codes(place, tmp_path, network_file):
    code = f"{place[0]}/projected/projected.h5:0"
    common = ("--seeds", code, "--network", str(network_file), "-q")
    for study, more in (("noise", ("--draws", "2")), ("truncation", ("--psi", "1,0.5"))):
        words = (study, *common, *more, "-o", str(tmp_path / study))
        assert CliRunner().invoke(app, words).exit_code == 0
    with h5py.File(tmp_path / "truncation/truncation.h5") as file:
        np.testing.assert_array_equal(file["images"][0, 0], images(place)[0])


def test_edited_by_nothing_it_is_the_projected_picture_to_the_bit(place, tmp_path, network_file):
    common = ("--network", str(network_file), "-q")
    found, code = str(tmp_path / "found.h5"), f"{place[0]}/projected/projected.h5:0"
    assert CliRunner().invoke(app, ("discover", "sefa", "-o", found, *common)).exit_code == 0
    moved = ("--direction", f"{found}:sefa/0", "--strength=-1:1:3", "-o", str(tmp_path / "edit"))
    assert CliRunner().invoke(app, ("edit", "--seeds", code, *moved, *common)).exit_code == 0
    with h5py.File(tmp_path / "edit/edit.h5") as file:
        np.testing.assert_array_equal(file["images"][0, 1], images(place)[0])


def test_codes_without_noise_of_their_own_join_those_with_it(place):
    network = place[1]
    parts = [codes_of_picks(network, each, PLAIN).codes for each in ([3], picks(place, 0))]
    joined = join_codes(parts)
    assert joined.own_noise[0] is None
    columns = noise_columns(joined.own_noise)
    assert columns["noise_index"].tolist() == [-1, 0]
    assert len(columns["noise/00"]) == 1
