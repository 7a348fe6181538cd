import re

import pytest

from stylegan_cli.report.charts import MOST_POINTS, Chart, Line, thin
from stylegan_cli.report.page import environment


def line(*values, label="G", colour=0, **more):
    points = [(float(i), value) for i, value in enumerate(values)]
    return Line(label=label, points=points, colour=colour, **more)


def drawn(*lines, kimg=100.0, title="Loss"):
    parts = environment(str).get_template("parts.html").module
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
