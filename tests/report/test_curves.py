from stylegan_cli.report.charts import charts
from stylegan_cli.report.history import History
from tests.report.runs import page_of, tick, write_run


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
