import json

import pytest
from typer.testing import CliRunner

from stylegan_cli.api import benchmark
from stylegan_cli.cli.app import app
from tests.tiny import TINY

SMALL = [word for change in (*TINY, "train.batch_size=2") for word in ("--set", change)]
QUICK = ["stylegan2", *SMALL, "--precision", "fp32", "--backend", "auto", "--rounds", "1"]


def sgtool(*words):
    return CliRunner().invoke(app, ["bench", *words])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What came of one small measurement, and the file it wrote."""
    path = tmp_path_factory.mktemp("bench") / "speed.json"
    return sgtool(*QUICK, "--resolution", "8,16", "-o", str(path)), path


def test_a_line_tells_the_speed_of_each_resolution(done):
    result, _ = done
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [row[:4] for row in rows] == [
        ["stylegan2", side, "2", "auto fp32"] for side in ("8", "16")
    ]
    assert all(float(row[4]) > 0 and float(row[5]) > 0 for row in rows)


def test_the_file_has_every_sample(done):
    _, path = done
    found = json.loads(path.read_text())
    assert found["environment"]["threads"] >= 1
    small, large = (each["contenders"]["auto fp32"] for each in found["results"])
    assert large["memory_bytes"] > small["memory_bytes"] > 0
    assert set(small["samples"]) == {"generate", "step", "step+Greg", "step+Greg+Dreg"}


def test_how_long_a_run_takes_is_said(done):
    result, _ = done
    assert "stylegan2, 16 px, batch 2: hours for 0 kimg: " in result.stderr


def test_ctrl_c_leaves_what_was_measured(monkeypatch):
    def stopped(cases, *rest, **options):
        yield from benchmark(cases[:1], *rest, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr("stylegan_cli.api.benchmark", stopped)
    result = sgtool(*QUICK, "--resolution", "8,16", "--json")
    assert result.exit_code == 130
    assert [each["resolution"] for each in json.loads(result.stdout)["results"]] == [8]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "nothing"),
        (["--precision", "fp64"], "--precision fp64: no 'fp64'; write one or more of fp32, bf16"),
        (["--backend", "auto,fast"], "--backend auto,fast: no 'fast'; write one or more of auto"),
        (["--resolution", "2"], "--resolution 2"),
        (["--batch-size", "0"], "--batch-size 0"),
        (["--set", "data.resolution=63"], "data.resolution"),
    ],
)
def test_a_wrong_call_ends_in_words(words, said):
    result = sgtool(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_place_that_cannot_be_written_is_told_before_anything_is_timed(tmp_path):
    (tmp_path / "file").touch()
    result = sgtool(*QUICK, "-o", str(tmp_path / "file" / "speed.json"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file: a file, where a folder is needed" in result.stderr
