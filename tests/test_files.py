import errno
from pathlib import Path

import pytest

from stylegan_cli import files
from stylegan_cli.errors import OutputError
from stylegan_cli.files import (
    append_line,
    one_writer,
    similar,
    writing,
    written_whole,
)


def test_a_whole_file_takes_its_name(tmp_path):
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_made(tmp_path):
    with written_whole(tmp_path / "new" / "er" / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "new" / "er" / "a.txt").exists()


def test_a_failure_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".a.txt.partial").symlink_to("precious")
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "a.txt").is_symlink()


def test_a_file_that_another_process_writes_is_left_to_it(tmp_path):
    place = tmp_path / "a.txt"
    with written_whole(place) as temporary:
        temporary.write_text("first")
        refused = pytest.raises(OutputError, match=r"a.txt: another process is writing it; wait")
        with refused, written_whole(place):
            pass
    assert place.read_text() == "first"


def test_what_a_killed_process_left_is_replaced(tmp_path):
    (tmp_path / ".a.txt.partial").write_text("half")
    with written_whole(tmp_path / "a.txt") as temporary:
        assert temporary.read_text() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files, "reach_disk", lambda path: order.append((path.name, place.exists())))
    place = tmp_path / "a.txt"
    with written_whole(place) as temporary:
        temporary.write_text("new")
    assert order == [(".a.txt.partial", False), (tmp_path.name, True)]


def test_a_line_is_added_behind_half_a_line(tmp_path):
    path = tmp_path / "new" / "lines"
    append_line(path, "one")
    with path.open("a") as file:
        file.write("tw")
    append_line(path, "three")
    assert path.read_text() == "one\ntw\nthree\n"


def test_a_folder_that_is_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "a.txt"
    with (
        pytest.raises(OutputError, match="file: a file, where a folder is needed; "),
        written_whole(path) as temporary,
    ):
        temporary.write_text("")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("write failed: errno = 28, error message = 'No space left on device', buf = 0x1"),
        RuntimeError("flush failed (error message = 'No space left on device', offset = 8)"),
    ],
)
def test_a_full_disk_is_named_without_hdf5s_account(tmp_path, error):
    with pytest.raises(OutputError, match=r"\(No space left on device\)"):  # noqa: SIM117
        with writing(tmp_path, RuntimeError):
            raise error


def test_a_path_spelt_much_like_one_that_is_there_leads_to_it(tmp_path):
    (tmp_path / "runs" / "people").mkdir(parents=True)
    wanted = f"; did you mean {tmp_path / 'runs' / 'people'}?"
    assert similar(tmp_path / "runs" / "poeple") == wanted


def test_a_misspelt_folder_leads_to_the_file_in_the_right_one(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.zip").touch()
    assert similar(tmp_path / "photso" / "a.zip").endswith("photos/a.zip?")


def test_a_path_unlike_all_others_leads_nowhere(tmp_path):
    (tmp_path / "people").mkdir()
    assert similar(tmp_path / "zebra.zip") == ""


def test_a_name_cut_off_at_a_blank_leads_to_quotes(tmp_path):
    (tmp_path / "my photos").mkdir()
    assert similar(tmp_path / "my").endswith(
        f"; a name with blanks needs quotes: '{tmp_path}/my photos'"
    )


def test_a_full_disk_does_not_keep_a_folder_from_being_held(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    with one_writer(tmp_path, "training here"):
        assert (tmp_path / ".lock").exists()
    assert not (tmp_path / ".lock").exists()


def test_a_folder_in_the_place_of_a_file_is_told():
    assert similar(Path()) == "; it is a folder"


def test_stars_of_a_shell_that_found_nothing_are_letters(tmp_path):
    (tmp_path / "faces").mkdir()
    assert similar(tmp_path / "faces.**").endswith("/faces?")


def test_a_study_in_a_folder_of_another_name_is_suggested(tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "grid.h5").touch()
    assert similar(tmp_path / "faces.h5") == f"; did you mean {tmp_path / 'faces' / 'grid.h5'}?"


def test_a_folder_in_the_place_of_a_file_is_called_so(tmp_path):
    assert similar(tmp_path) == "; it is a folder"


def test_a_link_to_nothing_says_where_it_leads(tmp_path):
    (tmp_path / "photos").symlink_to("gone")
    assert similar(tmp_path / "photos") == "; it is a link to gone, which is not there"


def test_a_cache_that_cannot_be_written_is_answered_with_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    for place, words in (
        ("cache/features", "set SGTOOL_CACHE to another folder"),
        ("runs", "choose another place"),
    ):
        file = tmp_path / place / "a.npy"
        with pytest.raises(OutputError, match=f"fix that or {words}"), writing(file):
            file.open("wb")
