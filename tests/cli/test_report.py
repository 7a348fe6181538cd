import json

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from tests.report.runs import write_run


def sgtool(*words):
    return CliRunner().invoke(app, ["report", *words])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own to work in, with a run."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "people")
    return tmp_path


def test_the_page_is_all_that_is_printed(here):
    done = sgtool("people")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "report.html\n", "")
    assert "<title>people</title>" in (here / "report.html").read_text()


def test_json_tells_the_size(here):
    facts = json.loads(sgtool("people", "-o", "a.html", "--json").stdout)
    assert facts == {"report": "a.html", "bytes": (here / "a.html").stat().st_size}


def test_fakes_may_be_fewer(here):
    assert sgtool("people", "--fakes", "2").exit_code == 0
    assert (here / "report.html").read_text().count('class="frame') == 2


def test_a_growing_run_may_be_reported_again(here):
    assert [sgtool("people").exit_code for _ in range(2)] == [0, 0]


def test_a_page_may_show_more_than_before(here):
    write_run(here / "others")
    assert sgtool("people").exit_code == 0
    assert sgtool("others", "people").exit_code == 0
    assert "others" in (here / "report.html").read_text()


def test_another_report_of_that_name_is_kept_unless_it_may_be_replaced(here):
    write_run(here / "others")
    assert sgtool("people").exit_code == 0
    refused = sgtool("others")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "report.html: exists and is not a report of these inputs" in refused.stderr
    assert sgtool("others", "--overwrite").exit_code == 0


def test_a_video_among_the_inputs_is_left_out_and_named(here):
    (here / "film").mkdir()
    (here / "film" / "video.mp4").touch()
    (here / "film" / "video.mp4.json").write_text('{"study": "video", "request": {}}')
    done = sgtool("people", "film")
    assert (done.exit_code, done.stdout) == (0, "report.html\n")
    assert done.stderr == "warning: film: left out: the page does not show videos\n"
    assert sgtool("film").exit_code == 1


def test_what_is_damaged_is_a_warning(here):
    (here / "people" / "fakes-000010.png").write_bytes(b"no picture")
    done = sgtool("people")
    assert (done.exit_code, done.stdout) == (0, "report.html\n")
    assert "warning: people/fakes-000010.png: not a readable picture" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        ((), 2, "RUN|RESULT"),
        (("nothing",), 1, "nothing: there is no such file or folder"),
        (("people", "--fakes", "0"), 2, "--fakes"),
        (
            ("people", "-o", "people/recipe.toml/a.html"),
            1,
            "recipe.toml: a file, where a folder is needed",
        ),
        (("people", "-o", "people"), 1, "people: a folder; name a file"),
        (("people", "-o", "people/recipe.toml", "--overwrite"), 2, "must end in .html"),
    ],
)
def test_a_mistake_ends_in_words_and_writes_nothing(here, words, code, stderr):
    done = sgtool(*words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert stderr in done.stderr
    assert [path.name for path in here.iterdir()] == ["people"]
