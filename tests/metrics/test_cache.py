import os

import numpy as np
import pytest

from stylegan_cli.errors import OutputError
from stylegan_cli.metrics.features import FeatureFile, Workplace, key_of, remove_unused
from tests.metrics.reference import features


@pytest.fixture
def file(tmp_path):
    return FeatureFile(tmp_path / "cache", "abc", (10, 12))


def append(file, rows, start=0):
    with file.appending(start) as add:
        add(rows)


def test_features_come_back_as_they_were(file):
    x = features(10)
    append(file, x)
    assert file.is_finished
    assert np.array_equal(file.read(), x)


def test_the_file_is_one_that_numpy_itself_would_write(file, tmp_path):
    x = features(10)
    append(file, x)
    np.save(tmp_path / "plain.npy", x)
    assert file.path.read_bytes() == (tmp_path / "plain.npy").read_bytes()


def test_an_unfinished_file_is_hidden_and_goes_on(file):
    x = features(10)
    append(file, x[:4])
    assert (file.is_finished, file.path.exists(), file.rows()) == (False, False, 4)
    append(file, x[4:], start=4)
    assert np.array_equal(file.read(), x)


def test_what_a_killed_process_left_of_a_row_does_not_count(file):
    x = features(10)
    append(file, x[:4])
    with file.unfinished.open("ab") as unfinished:
        unfinished.write(b"half a row")
    assert file.rows() == 4
    append(file, x[4:], start=4)
    assert np.array_equal(file.read(), x)


def test_a_file_cut_within_its_head_starts_over(file):
    append(file, features(3))
    with file.unfinished.open("r+b") as unfinished:
        unfinished.truncate(20)
    assert file.rows() == 0


@pytest.mark.parametrize("left", [b"", bytes(4000), bytes(608)])
def test_a_damaged_file_is_made_again(file, left):
    append(file, features(10))
    file.path.write_bytes(left)
    assert (file.is_finished, file.rows(), file.path.exists()) == (False, 0, False)
    append(file, features(10))
    assert np.array_equal(file.read(), features(10))


def test_two_processes_do_not_write_the_same_features(file):
    twin = FeatureFile(file.path.parent, "abc", (10, 12))
    with (
        file.appending(0),
        pytest.raises(OutputError, match="another process is computing these features"),
        twin.appending(0),
    ):
        pass


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(OutputError, match="a file, where a folder is needed"):
        append(FeatureFile(tmp_path / "cache", "abc", (10, 12)), features(10))


def test_keys_tell_claims_apart_and_not_their_order():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_features_longest_not_used_go_first(tmp_path):
    for age, name in enumerate(["new", "older", "oldest"]):
        path = tmp_path / f"{name}.npy"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    remove_unused(tmp_path, max_bytes=200)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["new", "older"]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))
    assert Workplace().folder == tmp_path / "features"
