"""Texts are read within bounds."""

import os
import tracemalloc

import pytest

from stylegan_cli.errors import DataError
from stylegan_cli.texts import read_bounded, read_lines, table_in


def test_of_lines_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "stats.jsonl")
    with pytest.raises(DataError, match=r"stats.jsonl: cannot be read \(a pipe or device"):
        read_lines(tmp_path / "stats.jsonl")


def test_more_lines_than_any_run_writes_are_refused(tmp_path):
    with (tmp_path / "stats.jsonl").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=r"stats.jsonl: larger than 256 MiB"):
        read_lines(tmp_path / "stats.jsonl")


def test_a_line_without_an_end_counts_as_one_and_does_not_fill_the_memory(tmp_path):
    (tmp_path / "stats.jsonl").write_bytes(b'{"a": 1}\n' + b"x" * (2**24 - 5) + b'\n{"a": 2}\n')
    tracemalloc.start()
    assert read_lines(tmp_path / "stats.jsonl") == ([{"a": 1}, {"a": 2}], 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**23


@pytest.mark.parametrize("read", [read_bounded, table_in])
def test_a_file_larger_than_any_of_its_kind_is_refused_unread(tmp_path, read):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=r"a.csv: larger than 256 MiB"):
        read(tmp_path / "a.csv")


def test_a_table_in_utf_16_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("name,é\r\n\r\n1,2\r\n".encode("utf-16"))
    assert table_in(tmp_path / "a.csv") == [["name", "é"], ["1", "2"]]
