import re
import tracemalloc
from base64 import b64encode
from hashlib import sha256
from html import unescape

import numpy as np
import pytest

from stylegan_cli.errors import OutputError
from stylegan_cli.figures.png import write_png
from stylegan_cli.report import write_page
from stylegan_cli.report.inputs import Report, read_run
from tests.report.runs import tick, write_run

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"


def report(*folders, names="abc", inputs=("runs",)):
    runs = [read_run(folder, name) for folder, name in zip(folders, names, strict=False)]
    return Report(inputs=inputs, runs=tuple(runs), studies=())


def written(page, *folders, **more):
    list(write_page(report(*folders, **more), page, most_fakes=9))
    return page.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path):
    return tmp_path / "report.html"


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def test_the_page_has_a_section_for_everything_there_is(page, run):
    (run / "metrics.jsonl").write_text('{"fd_alex": 3.5}\n')
    assert re.findall(r"<h2>(.*?)</h2>", written(page, run)) == [
        "Overview",
        "Training curves",
        "Fakes over time",
        "Metrics",
        "Recipe",
        "Provenance",
    ]


def test_the_page_needs_nothing_from_outside(page, run):
    text = written(page, run)
    sources = re.findall(r'(?:src|href|action|data)="([^"]*)"', text)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text


def test_names_titles_and_values_are_never_markup(page, tmp_path):
    run = write_run(tmp_path / "run", f"title={HOSTILE}", ticks=[tick(1, **{HOSTILE: 2.0})])
    (run / "metrics.jsonl").write_text('{"</table><script>": "<script>"}\nbad\n')
    (run / "fakes-000010.png").write_bytes(b"<script>")
    text = written(page, run, names=[HOSTILE], inputs=(HOSTILE,))
    assert text.count("<script") == 1
    assert "<img src=x" not in text
    assert unescape(re.search("<title>(.*)</title>", text)[1]) == HOSTILE


def test_only_the_pages_own_script_and_style_may_work(page, run):
    text = written(page, run)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    for tag in ("script", "style"):
        source = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = b64encode(sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_page_appears_only_when_whole(page, run):
    steps = write_page(report(run), page, most_fakes=9)
    assert [next(steps) for _ in range(5)] == [None] * 5
    assert not page.exists()
    steps.close()
    assert list(page.parent.iterdir()) == [run]


def test_memory_does_not_grow_with_the_pictures(page, tmp_path):
    run = write_run(tmp_path / "run", fakes=())
    random = np.random.RandomState(0)
    for kimg in range(40):
        pixels = random.randint(0, 256, (100, 200, 3)).astype(np.uint8)
        write_png(run / f"fakes-{kimg:06d}.png", pixels)
    steps = write_page(report(run), page, most_fakes=40)
    next(steps)
    tracemalloc.start()
    list(steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert page.stat().st_size > 500_000
    assert peak < page.stat().st_size / 2


def test_a_page_of_the_same_inputs_is_replaced(page, run):
    written(page, run)
    (run / "stats.jsonl").write_text('{"kimg": 40, "loss_g": 7.77}\n')
    assert "7.77" in written(page, run)


META = '<meta name="sgtool-inputs" content="{}">'


@pytest.mark.parametrize(
    "content",
    [None, "", "notes of mine", *map(META.format, ("not JSON", "7", "[[1]]", "[" * 20_000))],
    ids=["others", "empty", "notes", "not JSON", "no list", "lists", "deep"],
)
def test_anything_else_is_kept_unless_it_may_be_replaced(page, run, content):
    if content is None:
        written(page, run, inputs=("others",))
    else:
        page.write_text(content)
    before = page.read_text()
    with pytest.raises(OutputError, match=r"report.html: exists and is not a report of these"):
        written(page, run)
    assert page.read_text() == before
    list(write_page(report(run), page, most_fakes=9, overwrite=True))
    assert "Training curves" in page.read_text()


def test_the_page_tells_its_size(page, run):
    said = re.search(r"([\d.]+) MB, needs no other file", written(page, run))
    assert float(said[1]) == pytest.approx(page.stat().st_size / 1e6, abs=0.06)


def test_problems_are_shown_and_told(page, run):
    (run / "stats.jsonl").write_text("nonsense\n")
    problems = [problem for problem in write_page(report(run), page, most_fakes=9) if problem]
    assert problems == [
        f"{run / 'stats.jsonl'}: 1 of 1 lines are not JSON objects and are left out"
    ]
    assert f'<p class="problem">{problems[0]}' in page.read_text()


def test_names_that_are_no_text_do_not_stop_it(page, run):
    assert "a?b" in written(page, run, names=["a\udc80b"])


def test_several_runs_are_told_apart_by_colour(page, run, tmp_path):
    text = written(page, run, write_run(tmp_path / "other"))
    assert '<span class="run c0">a</span>' in text
    assert '<span class="run c1">b</span>' in text
    assert 'id="together"' in text


def test_of_many_runs_each_has_a_row(page, tmp_path):
    text = written(page, *(write_run(tmp_path / name) for name in "abcde"), names="abcde")
    assert '<tr><th><span class="run c4">e</span></th><td>' in text


def test_a_folder_in_place_of_the_page_is_refused(tmp_path, run):
    with pytest.raises(OutputError, match=r"a folder; name a file, such as .*report.html"):
        list(write_page(report(run), tmp_path, most_fakes=1, overwrite=True))


def test_a_single_run_has_nothing_to_move_together(page, run):
    assert 'id="together"' not in written(page, run)


def test_how_far_a_run_is(page, tmp_path):
    growing = tick(20, resolution=8, seconds=4000.0)
    text = written(page, write_run(tmp_path / "b", "train.total_kimg=100", ticks=[growing]))
    for said in ("20 of 100 kimg", "16 px, grown to 8 px", "1 h 6 min"):
        assert f"<td>{said}</td>" in text
