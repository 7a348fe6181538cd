import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_cli.report import environment
from stylegan_cli.report.charts import (
    MOST_POINTS,
    Chart,
    Line,
    Scale,
    charts,
    look,
    number,
    numbers,
    thin,
    worth_seeing,
)
from stylegan_cli.report.history import History
from tests.report.runs import page_of, tick, write_run

some_numbers = st.lists(st.floats(-1e29, 1e29), min_size=1, max_size=100)


def scale(low, high):
    return Scale(low=float(low), high=float(high), start=100, end=0)


@pytest.mark.parametrize("kimg", [(0,), (-5, -1), (1e-320, 2e-320)])
def test_a_run_that_has_hardly_begun_has_charts_too(kimg, tmp_path):
    text, problems = page_of(write_run(tmp_path, ticks=[tick(each) for each in kimg]))
    assert "<polyline" in text and problems == []


def test_ends_of_the_range_are_ends_of_the_line():
    assert [scale(2, 4)(value) for value in (2.0, 3.0, 4.0)] == [100, 50, 0]


def test_values_outside_end_at_the_edge():
    assert [scale(2, 4)(value) for value in (-7.0, 1e9)] == [100, 0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 200, (0, 50, 100, 150, 200)),
        (0, 1199, (0, 500, 1000)),
        (-1.2, 1.1, (-1, -0.5, 0, 0.5, 1)),
        (0.21, 0.29, (0.22, 0.24, 0.26, 0.28)),
    ],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert scale(low, high).ticks() == pytest.approx(ticks)


@given(some_numbers)
def test_any_numbers_have_a_range_with_a_few_ticks_in_it(values):
    low, high = worth_seeing(values)
    ticks = scale(low, high).ticks()
    assert low < high
    assert 1 <= len(ticks) <= 12
    assert all(low - 1e-6 * (high - low) <= tick <= high + 1e-6 * (high - low) for tick in ticks)


def test_the_range_holds_every_ordinary_value():
    assert worth_seeing([3.0, 5.0, 4.0, 4.5]) == (3, 5)


def test_zero_is_shown_where_it_is_near():
    assert worth_seeing([1.0, 5.0, 3.0]) == (0, 5)


def test_one_value_far_out_does_not_flatten_the_others():
    low, high = worth_seeing([*(1 + i / 100 for i in range(100)), 5000.0])
    assert (low, high < 4) == (0, True)


def test_equal_values_lie_in_the_middle():
    low, high = worth_seeing([1.5, 1.5])
    assert (low + high) / 2 == 1.5


@pytest.mark.parametrize(
    ("value", "written"), [(0.39312, "0.393"), (25000.0, "25,000"), (2e-5, "2e-05"), (0.0, "0")]
)
def test_a_number_is_short(value, written):
    assert number(value) == written


def test_numbers_of_an_axis_differ():
    assert numbers([0.6801, 0.6802, 0.6803]) == ["0.6801", "0.6802", "0.6803"]
    assert numbers([10_000.0, 10_000.5]) == ["10,000.0", "10,000.5"]
    assert numbers([0.0, 0.5, 1.0]) == ["0", "0.5", "1"]


def test_what_rounding_leaves_of_zero_is_zero():
    assert number(2.17e-19) == "0"


def test_eighteen_runs_look_different():
    assert len({look(run) for run in range(18)}) == 18
    assert (look(0), look(6), look(12)) == ("c0", "c0 d1", "c0 d2")


def line(*values, label="G", colour=0, **more):
    points = [(float(i), value) for i, value in enumerate(values)]
    return Line(label=label, points=points, colour=colour, **more)


def drawn(*lines, kimg=100.0, title="Loss"):
    parts = environment([]).get_template("parts.html").module
    return str(parts.chart(Chart(title=title, unit="nats", lines=lines, kimg=kimg)))


def polylines(markup):
    return [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', markup)
    ]


def test_higher_values_are_drawn_higher_and_later_ones_further_right():
    ((_, *points),) = polylines(drawn(line(1.0, 2.0, 3.0)))
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)


def test_a_single_value_is_a_dot():
    markup = drawn(line(1.0))
    ((first, second),) = polylines(markup)
    assert first == second
    assert 'class="c0 dot"' in markup


def test_the_legend_names_each_line_with_its_newest_value():
    markup = drawn(line(1.0, 2.5), line(7.0, 8.25, label="D", colour=1))
    assert re.findall(r"<span>(\w+)</span><output>([\d.]+)</output>", markup) == [
        ("G", "2.5"),
        ("D", "8.25"),
    ]


def test_the_page_can_read_the_values_off_a_line():
    assert 'data-kimg="0 1 2" data-value="1 2.5 1.23e+03"' in drawn(line(1.0, 2.5, 1234.0))


def test_what_lies_outside_is_told():
    assert "outside: highest 5,000" in drawn(line(*(1.0 + i / 100 for i in range(99)), 5000.0))
    assert "outside" not in drawn(line(1.0, 2.0))


def test_resolutions_are_marked_but_their_names_never_overlap():
    marks = {0.0: "8 px", 1.0: "16 px", 50.0: "32 px"}
    markup = drawn(line(1.0, 2.0, marks=marks), line(1.0, label="other", colour=1, marks=marks))
    assert markup.count('class="mark c0"') == markup.count('class="mark c1"') == 3
    assert re.findall(r">(\d+ px)<", markup) == ["8 px", "32 px"]


def test_many_points_become_their_means():
    points = [(float(i), float(i)) for i in range(2 * MOST_POINTS)]
    thinned = thin(points)
    assert len(thinned) == MOST_POINTS
    assert thinned[0] == (0.5, 0.5)
    assert thin(points[:MOST_POINTS]) == points[:MOST_POINTS]


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '" onload="alert(1)'])
def test_names_are_never_markup(hostile):
    markup = drawn(line(1.0, label=hostile, marks={1.0: hostile}), title=hostile)
    assert hostile not in markup


def history(*ticks):
    return History(ticks=tuple(ticks))


def shown(**histories):
    return {chart.title: chart for chart in charts(histories)}


def test_one_run_shows_both_players_in_a_chart():
    chart = shown(a=history(tick(1), tick(2)))["Loss"]
    assert [(line.label, line.colour) for line in chart.lines] == [("G", 0), ("D", 1)]
    assert chart.lines[0].points == [(1.0, 2.0), (2.0, 2.0)]


def test_several_runs_share_the_chart_of_each_number():
    found = shown(a=history(tick(1)), b=history(tick(2), tick(3)))
    assert [(line.label, line.colour) for line in found["Loss: G"].lines] == [("a", 0), ("b", 1)]
    assert "Loss" not in found


def test_a_run_keeps_its_colour_where_another_lacks_the_number():
    (line,) = shown(a=history(tick(1)), b=history(tick(1, r1_penalty=1.0)))["R1 penalty"].lines
    assert (line.label, line.colour) == ("b", 1)


def test_all_charts_end_at_the_same_kimg():
    found = shown(a=history(tick(1)), b=history(tick(30)))
    assert {chart.kimg for chart in found.values()} == {30.0}


def test_a_number_nobody_knows_has_a_chart_of_its_own():
    chart = shown(a=history(tick(1, ada_p=0.5)))["ada_p"]
    assert chart.lines[0].points == [(1.0, 0.5)]


def test_a_penalty_that_is_always_zero_has_no_chart():
    assert "Path length" not in shown(a=history(tick(1, pl_mean=0.0), tick(2, pl_mean=0.0)))


def test_time_is_in_hours():
    assert shown(a=history(tick(1, seconds=7200.0)))["Time so far"].lines[0].points == [(1.0, 2.0)]


def test_resolutions_are_marks_and_no_curve():
    found = shown(a=history(tick(1, resolution=8.0, lod=1.0), tick(2, resolution=16.0, lod=0.5)))
    assert found["Loss"].lines[0].marks == {2.0: "16 px"}
    assert not {"resolution", "lod", "kimg", "cur_nimg"} & set(found)


def test_a_run_without_statistics_says_so(tmp_path):
    folder = write_run(tmp_path)
    (folder / "stats.jsonl").write_text("")
    assert "No statistics yet." in page_of(folder)[0]


def test_thinning_is_told(tmp_path):
    many = page_of(write_run(tmp_path / "a", ticks=list(map(tick, range(1, 400)))))[0]
    assert "mean of up to 2 ticks" in many
    assert "mean of up" not in page_of(write_run(tmp_path / "b"))[0]


def test_axes_are_labelled():
    found = shown(a=history(tick(1, score_real=1.0)))
    assert (found["Scores by D"].axis, found["Loss"].axis) == ("logits", "loss")
