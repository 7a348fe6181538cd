import json

import pytest

from stylegan_cli.errors import OutputError
from stylegan_cli.metrics.outputs import append_record, read_records


def test_records_come_back_in_their_order(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    for value in (1.5, 0.5):
        append_record(path, {"results": {"fd_alex": value}})
    assert [record["results"]["fd_alex"] for record in read_records(path)] == [1.5, 0.5]


def test_a_record_is_one_line_and_tells_time_and_versions(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_record(path, {"data": "größe\nzwei"})
    (line,) = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert record["data"] == "größe\nzwei"
    assert {"timestamp", "created_utc", "versions"} <= record.keys()
    assert {"stylegan_cli", "torch", "numpy", "python"} == record["versions"].keys()


def test_half_a_line_of_a_killed_process_costs_only_itself(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_record(path, {"seed": 1})
    with path.open("a") as file:
        file.write('{"seed": 2, "resu')
    append_record(path, {"seed": 3})
    assert [record["seed"] for record in read_records(path)] == [1, 3]


def test_a_line_too_deep_to_read_costs_only_itself(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_record(path, {"seed": 1})
    with path.open("a") as file:
        file.write(f'{{"seed": {"[" * 50_000}\n')
    assert append_record(path, {"seed": 3})
    assert [record["seed"] for record in read_records(path)] == [1, 3]


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b"])
def test_characters_that_end_lines_elsewhere_do_not_end_a_record(tmp_path, separator):
    path = tmp_path / "metrics.jsonl"
    append_record(path, {"data": f"a{separator}b.zip"})
    (record,) = read_records(path)
    assert record["data"] == f"a{separator}b.zip"


def test_no_file_has_no_records(tmp_path):
    assert read_records(tmp_path / "metrics.jsonl") == []


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file: a file, where a folder is needed"):
        append_record(tmp_path / "file" / "metrics.jsonl", {})
