import json

import pytest

from tests.commands import sgtool
from tests.data.pictures import blocks, folder_of


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {f"{'ab'[n % 2]}/{n}.png": blocks(n, 40, 20) for n in range(4)}
    return folder_of(tmp_path / "photos", {**files, "a/bad.jpg": b"text", "read.me": b""})


def test_prepare_prints_the_path_and_tells_the_rest(photos, tmp_path):
    done = sgtool("data", "prepare", photos, "-o", tmp_path / "x.zip")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'x.zip'}\n")
    assert "--resolution 16" in done.stderr
    assert f"left out: {photos}/a/bad.jpg: not an image" in done.stderr
    assert done.stderr.count("bad.jpg") == 1


def test_prepare_json_lists_what_was_left_out(photos, tmp_path):
    done = sgtool("data", "prepare", photos, "-o", tmp_path / "x.h5", "--resolution", 32, "--json")
    report = json.loads(done.stdout)
    assert report["images"] == report["enlarged"] == 4
    assert report["ignored"] == 1
    assert report["skipped"] == [
        {"name": f"{photos}/a/bad.jpg", "reason": "not an image in a format that is read"}
    ]
    assert report["classes"] == ["a", "b"]
    assert report["prepared"]["resolution"] == 32


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--resolution", "100"], 2, "power of two"),
        (["--background", "blurple"], 2, "blurple"),
        (["--channels", "33"], 2, "channels"),
        (["--fit", "stretch"], 2, "stretch"),
        (["--workers", "0"], 2, "workers"),
    ],
)
def test_wrong_calls_of_prepare_write_nothing(photos, tmp_path, words, code, message):
    done = sgtool("data", "prepare", photos, "-o", tmp_path / "x.zip", *words)
    assert done.exit_code == code and message in done.stderr
    assert done.stdout == "" and not (tmp_path / "x.zip").exists()


def test_nothing_usable_exits_with_1(tmp_path):
    (tmp_path / "empty").mkdir()
    done = sgtool("data", "prepare", tmp_path / "empty", "-o", tmp_path / "x.zip")
    assert done.exit_code == 1 and "no usable image" in done.stderr


@pytest.mark.parametrize("name", ["x.zip", "x.h5"])
def test_the_same_request_again_is_done(photos, tmp_path, name):
    words = ("data", "prepare", photos, "-o", tmp_path / name)
    sgtool(*words)
    before = (tmp_path / name).stat().st_mtime_ns
    again = sgtool(*words)
    assert (again.exit_code, again.stdout) == (0, f"{tmp_path / name}\n")
    assert "exists already" in again.stderr
    assert "left out: 1 image, such as" in again.stderr
    assert "passed over: 1 file, such as read.me: not images (.me)" in again.stderr
    assert (tmp_path / name).stat().st_mtime_ns == before


def test_another_image_makes_another_request(photos, tmp_path):
    words = ("data", "prepare", photos, "-o", tmp_path / "x.zip")
    sgtool(*words)
    (photos / "a" / "0.png").unlink()
    assert "--overwrite" in sgtool(*words).stderr


def test_prepare_refuses_a_taken_place(photos, tmp_path):
    words = ("data", "prepare", photos, "-o", tmp_path / "x.zip", "--quiet")
    assert sgtool(*words).exit_code == 0
    words += ("--resolution", 8)
    again = sgtool(*words)
    assert again.exit_code == 1 and "--overwrite" in again.stderr
    assert sgtool(*words, "--overwrite").exit_code == 0


def test_a_data_set_is_not_replaced_by_what_is_made_from_it(photos, tmp_path):
    sgtool("data", "prepare", photos, "-o", tmp_path / "x.zip")
    before = (tmp_path / "x.zip").read_bytes()
    for words in (("prepare", "x.zip", "-o"), ("inspect", "x.zip", "--sheet")):
        done = sgtool("data", *words, tmp_path / "x.zip", "--overwrite")
        assert done.exit_code == 1 and "would replace its source" in done.stderr
    assert (tmp_path / "x.zip").read_bytes() == before


def test_options_of_prepare_are_recorded(photos, tmp_path):
    options = {"fit": "wide", "filter": "box", "background": "#102030", "channels": "1"}
    flags = [word for key, value in options.items() for word in (f"--{key}", value)]
    sgtool("data", "prepare", photos, "-o", tmp_path / "x.zip", "--no-classes", *flags)
    report = json.loads(sgtool("data", "inspect", tmp_path / "x.zip", "--json").stdout)
    assert {key: str(report["prepared"][key]) for key in options} == options
    assert (report["labels"], report["unlabelled"]) == ({}, 4)


def test_inspect_prints_a_table_and_draws_a_sheet(photos, tmp_path):
    done = sgtool("data", "inspect", photos, "--sheet", tmp_path / "sheet.png")
    rows = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    assert (rows["images"], rows["broken"], rows["other files"]) == ("4", "1", "1")
    assert rows["labels"] == "a: 2, b: 2"
    assert rows["sheet"] == str(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_without_a_name_draws_its_sheet_here_each_time(photos, tmp_path):
    for _ in range(2):
        assert sgtool("data", "inspect", photos).exit_code == 0
    assert (tmp_path / "photos-sheet.png").exists()


def test_inspect_draws_no_sheet_among_the_images(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos / "a")
    assert "photos-sheet.png" in sgtool("data", "inspect", "..").stdout
    assert (tmp_path / "photos-sheet.png").exists()


def test_sample_draws_and_names_the_author(tmp_path):
    words = ("-o", tmp_path / "x.zip", "--count", 3, "--resolution", 8)
    done = sgtool("data", "sample", "portraits", *words)
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'x.zip'}\n")
    assert "Johan Melin" in done.stderr and "CC BY 4.0" in done.stderr


def test_other_samples_of_the_same_count_are_another_request(tmp_path):
    words = ("data", "sample", "portraits", "-o", tmp_path / "x.zip", "--count", 2)
    assert [sgtool(*words).exit_code for _ in range(2)] == [0, 0]
    assert sgtool(*words, "--seed", 1).exit_code == 1


def test_sample_of_an_unknown_kind_is_a_wrong_call(tmp_path):
    done = sgtool("data", "sample", "landscapes", "-o", tmp_path / "x.zip")
    assert done.exit_code == 2 and "portraits" in done.stderr
