import io
import os
import re
from base64 import b64decode
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.directions.file import write_discovery
from stylegan_cli.directions.references import parse_direction
from stylegan_cli.errors import DataError
from stylegan_cli.figures.png import to_image, write_png
from stylegan_cli.rendering.recording import Recording
from stylegan_cli.report.inputs import read_study
from stylegan_cli.report.pictures import dials, photo, photo_of, source_of, thin
from stylegan_cli.studies.discovery.finding import find_sefa
from stylegan_cli.studies.editing import EditOptions, edit
from stylegan_cli.studies.grid import grid
from tests.report.runs import page_of, write_run


def shown(picture):
    return Image.open(io.BytesIO(b64decode(picture.source.partition(",")[2])))


def test_a_picture_is_encoded_as_it_is_where_it_fits():
    pixels = np.full((20, 30, 3), (200, 30, 90), np.uint8)
    picture = photo_of(to_image(pixels), longest=30)
    assert (picture.size, picture.is_reduced) == ((30, 20), False)
    assert np.abs(np.asarray(shown(picture)).astype(int) - pixels).max() < 8


def test_a_larger_picture_is_reduced_and_tells_its_size():
    picture = photo_of(to_image(np.zeros((200, 400, 3), np.uint8)), longest=100)
    assert (picture.size, picture.original, picture.is_reduced) == ((100, 50), (400, 200), True)
    assert shown(picture).size == (100, 50)


@pytest.mark.parametrize(("channels", "mode"), [(1, "RGB"), (3, "RGB"), (4, "RGBA")])
def test_grey_and_transparent_pictures_are_shown_too(tmp_path, channels, mode):
    write_png(tmp_path / "a.png", np.full((8, 8, channels), 128, np.uint8))
    assert shown(photo(tmp_path / "a.png", longest=8)).mode == mode


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_damaged_picture_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a.png: not a readable picture \(.+\); left out"):
        photo(tmp_path / "a.png", longest=8)


def test_a_pipe_in_place_of_a_picture_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert source_of(tmp_path / "a.png") is None
    with pytest.raises(DataError, match="a pipe or device"):
        photo(tmp_path / "a.png", longest=8)


def test_a_picture_too_large_to_trust_is_refused(tmp_path):
    Image.new("1", (10_000, 9_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError, match=r"bomb.png: not a readable picture"):
        photo(tmp_path / "bomb.png", longest=8)


def test_a_picture_tells_where_it_comes_from(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8), origin="here")
    write_png(tmp_path / "b.png", np.zeros((2, 2, 3), np.uint8))
    assert [source_of(tmp_path / name) for name in ("a.png", "b.png", "c.png")] == [
        "here",
        None,
        None,
    ]


def recorded(network, plan, folder):
    with Recording(network, plan, folder) as recording:
        list(recording.cells())
        list(recording.measurements())
        list(recording.pictures())
    return recording.paths.hdf5


@pytest.fixture(scope="module")
def study(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dials")
    write_discovery(folder / "directions.h5", find_sefa(network, count=1))
    pick = parse_direction(f"{folder}/directions.h5:sefa/0")
    plan = edit(network, [1, 2], [pick], EditOptions(strengths=(-1.0, 0.0, 2.0)))
    return recorded(network, plan, folder / "edit")


def test_an_edit_has_a_slider_with_every_step(study, tmp_path):
    markup, _ = page_of(tmp_path, runs=(), studies=[read_study(study, "edit")])
    markup = markup[markup.index('<div class="dials">') : markup.index('<div class="sheets">')]
    assert markup.count('data-strength="') == 3 and 'max="2"' in markup and 'value="1"' in markup
    assert markup.count("data:image/webp") == 3


def test_other_studies_have_none(network, tmp_path):
    study = read_study(recorded(network, grid(network, [1]), tmp_path / "grid"), "grid")
    assert list(dials(study)) == []


def kimg(markup):
    return [int(found) for found in re.findall(r'data-kimg="(\d+)"><span', markup)]


def many(count):
    return [(float(i), Path(f"{i}.png")) for i in range(count)]


def test_fakes_come_in_order_of_time(tmp_path):
    assert kimg(page_of(write_run(tmp_path, fakes=(20, 0, 1000, 10)))[0]) == [0, 10, 20, 1000]


def test_of_many_fakes_the_first_the_last_and_an_even_choice_stay():
    kept = [kimg for kimg, _ in thin(many(500), 40)]
    steps = {after - before for before, after in pairwise(kept)}
    assert (len(kept), kept[0], kept[-1]) == (40, 0, 499)
    assert steps <= {12, 13}


def test_few_fakes_stay_all():
    assert thin(many(3), 3) == many(3)


def test_of_one_picture_it_is_the_newest():
    assert [kimg for kimg, _ in thin(many(9), 1)] == [8]


def test_the_page_says_what_it_leaves_out(tmp_path):
    markup, _ = page_of(write_run(tmp_path, fakes=range(5)), most=2)
    assert kimg(markup) == [0, 4]
    assert "2 of 5 pictures" in markup


def test_the_page_says_what_it_reduces(tmp_path):
    markup, _ = page_of(write_run(tmp_path, side=600, fakes=[0]))
    assert "reduced from 1200×600 to 1024×512 pixels" in markup


def test_the_first_the_middle_and_the_last_are_printed(tmp_path):
    printed = re.findall(
        r'class="frame printed" data-kimg="(\d+)"',
        page_of(write_run(tmp_path, fakes=range(0, 70, 10)))[0],
    )
    assert printed == ["0", "30", "60"]


def test_a_damaged_picture_is_left_out_by_name(tmp_path):
    folder = write_run(tmp_path)
    (folder / "fakes-000010.png").write_bytes(b"no picture")
    markup, (problem,) = page_of(folder)
    assert kimg(markup) == [0, 20, 30]
    assert problem.startswith(f"{folder / 'fakes-000010.png'}: not a readable picture")
    assert 'max="2"' in markup


def test_reals_stand_beside_the_fakes(tmp_path):
    folder = write_run(tmp_path)
    assert "Real images of a" in page_of(folder)[0]
    (folder / "reals.png").unlink()
    assert "Real images" not in page_of(folder)[0]


def test_a_run_without_pictures_says_so(tmp_path):
    assert "No pictures yet." in page_of(write_run(tmp_path, fakes=()))[0]
