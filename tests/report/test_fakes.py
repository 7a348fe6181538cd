import re
from itertools import pairwise
from pathlib import Path

from stylegan_cli.report.inputs import FakesSheet
from stylegan_cli.report.pictures import thin
from tests.report.runs import page_of, write_run


def kimg(markup):
    return [int(found) for found in re.findall(r'data-kimg="(\d+)"><span', markup)]


def many(count):
    return [FakesSheet(kimg=float(i), path=Path(f"{i}.png")) for i in range(count)]


def test_fakes_come_in_order_of_time(tmp_path):
    assert kimg(page_of(write_run(tmp_path, fakes=(20, 0, 1000, 10)))[0]) == [0, 10, 20, 1000]


def test_of_many_fakes_the_first_the_last_and_an_even_choice_stay():
    kept = [fakes.kimg for fakes in thin(many(500), 40)]
    steps = {after - before for before, after in pairwise(kept)}
    assert (len(kept), kept[0], kept[-1]) == (40, 0, 499)
    assert steps <= {12, 13}


def test_few_fakes_stay_all():
    assert thin(many(3), 3) == many(3)


def test_of_one_picture_it_is_the_newest():
    assert [fakes.kimg for fakes in thin(many(9), 1)] == [8]


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
