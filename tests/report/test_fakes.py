import re
from itertools import pairwise
from pathlib import Path

from stylegan_cli.report.fakes import fakes_over_time, thin
from stylegan_cli.report.markup import Problem
from stylegan_cli.report.run import Fakes, read_run
from tests.report.runs import write_run


def shown(folder, most=40):
    return list(fakes_over_time(read_run(folder, "a", {}), most))


def kimg(pieces):
    return [int(found) for found in re.findall(r'data-kimg="(\d+)"', markup(pieces))]


def markup(pieces):
    return "".join(piece for piece in pieces if isinstance(piece, str))


def many(count):
    return [Fakes(kimg=float(i), path=Path(f"{i}.png")) for i in range(count)]


def test_fakes_come_in_order_of_time(tmp_path):
    assert kimg(shown(write_run(tmp_path, fakes=(20, 0, 1000, 10)))) == [0, 10, 20, 1000]


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
    pieces = shown(write_run(tmp_path, fakes=range(5)), most=2)
    assert kimg(pieces) == [0, 4]
    assert "2 of 5 pictures" in markup(pieces)


def test_the_page_says_what_it_reduces(tmp_path):
    assert "reduced from 1200×600 to 1024×512 pixels" in markup(
        shown(write_run(tmp_path, side=600, fakes=[0]))
    )


def test_the_first_the_middle_and_the_last_are_printed(tmp_path):
    printed = re.findall(
        r'class="frame printed" data-kimg="(\d+)"',
        markup(shown(write_run(tmp_path, fakes=range(0, 70, 10)))),
    )
    assert printed == ["0", "30", "60"]


def test_a_damaged_picture_is_left_out_by_name(tmp_path):
    folder = write_run(tmp_path)
    (folder / "fakes-000010.png").write_bytes(b"no picture")
    pieces = shown(folder)
    assert kimg(pieces) == [0, 20, 30]
    (problem,) = [piece for piece in pieces if isinstance(piece, Problem)]
    assert problem.words.startswith(f"{folder / 'fakes-000010.png'}: not a readable picture")
    assert 'max="2"' in markup(pieces)


def test_reals_stand_beside_the_fakes(tmp_path):
    folder = write_run(tmp_path)
    assert "Real images of a" in markup(shown(folder))
    (folder / "reals.png").unlink()
    assert "Real images" not in markup(shown(folder))


def test_a_run_without_pictures_says_so(tmp_path):
    assert "No pictures yet." in markup(shown(write_run(tmp_path, fakes=())))


def test_no_piece_has_more_than_one_picture(tmp_path):
    pieces = shown(write_run(tmp_path))
    assert max(piece.count("data:image") for piece in pieces) == 1
