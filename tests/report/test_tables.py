import json
import re

import pytest

from stylegan_cli.recipe import Settled, load
from stylegan_cli.report import environment
from stylegan_cli.report.inputs import read_run
from stylegan_cli.report.tables import differences, flatten, results
from tests.report.runs import page_of, write_run


def rows(markup):
    lines = re.findall(r"<tr>(.*?)</tr>", markup)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines]


def facts_table(heads, facts):
    return str(environment([]).get_template("parts.html").module.facts(heads, facts.items()))


def test_several_things_stand_side_by_side_under_their_names():
    table = facts_table(["a", "b"], {"size": [1, 2.50], "time": [None, "x"]})
    assert rows(table) == [["", "a", "b"], ["size", "1", "2.5"], ["time", "", "x"]]


def test_a_single_thing_needs_no_name():
    assert rows(facts_table(["a"], {"size": [1], "time": [None]})) == [["size", "1"]]


def test_nested_facts_have_dotted_names():
    facts = {"a": 1, "b": {"c": {"d": 2}, "e": []}, "f": ["x", 3]}
    assert dict(flatten(facts)) == {"a": 1, "b.c.d": 2, "b.e": "", "f": "x, 3"}


def test_a_long_name_is_cut_before_all_that_it_holds_repeats_it():
    rows = flatten({"n" * 50_000: {str(i): i for i in range(1000)}})
    assert sum(len(name) for name, _ in rows) < 1_000_000


LINE = {
    "metric": "kid",
    "results": {"kd_alex": 0.0170409, "kd_x": 1},
    "sd": {"kd_alex": 0.001},
    "kimg": 200.0,
    "case": "",
    "protocol": None,
    "network_sha256": "ab" * 32,
    "runs": [{"kd_alex": 0.0170409}],
}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE, "kd_alex 0.0170409 ± 0.001, kd_x 1"),
        ({"fd_alex": 3.25, "seed": 0, "name": "x"}, "fd_alex 3.25"),
        ({"results": "none", "sd": 3}, ""),
        ({}, ""),
    ],
)
def test_results_are_said_with_their_spread(line, said):
    assert results(line) == said


def section(folder, lines):
    run = write_run(folder)
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return page_of(run)[0].partition("<h2>Metrics</h2>")[2].partition("</section>")[0]


def test_the_table_has_results_and_what_they_hang_on(tmp_path):
    markup = section(tmp_path, [LINE, {"results": {"fd": 2.0}, "seed": 3}])
    rows = [
        re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", markup)
    ]
    assert rows == [
        ["results", "kimg", "seed"],
        ["kd_alex 0.0170409 ± 0.001, kd_x 1", "200", ""],
        ["fd 2", "", "3"],
    ]


def test_all_else_is_there_to_unfold(tmp_path):
    folded = section(tmp_path, [LINE, {"<b>": "</pre>"}]).partition("<details>")[2]
    assert "ab" * 32 in folded
    assert "{&#34;&lt;b&gt;&#34;: &#34;&lt;/pre&gt;&#34;}" in folded


def test_the_defaults_differ_in_nothing():
    assert differences([Settled()]) == {}


def test_a_key_that_is_no_default_is_shown_with_the_default():
    assert differences([load("stylegan2", ["train.batch_size=8"])])["train.batch_size"] == [
        "8",
        "32",
    ]


def test_defaults_are_those_of_the_family():
    assert "train.lr_g" not in differences([load("stylegan1-f", [])])
    assert differences([load("stylegan1-f", ["train.lr_g=0.002"])])["train.lr_g"] == [
        "0.002",
        "0.001",
    ]


def test_what_two_runs_differ_in_comes_first():
    rows = differences([load("stylegan2", [f"loss.r1_gamma={gamma}.0"]) for gamma in (1, 2)])
    assert next(iter(rows.items())) == ("loss.r1_gamma", ["1.0", "2.0", "10.0"])
    assert list(rows)[1:]


def test_runs_of_two_families_differ_in_their_defaults():
    rows = differences([load("stylegan2", []), load("stylegan1-f", [])])
    assert rows["generator.family"] == ["stylegan2", "stylegan1", "by family"]
    assert rows["train.lr_g"] == ["0.002", "0.001", "by family"]


def test_the_whole_recipe_is_there_to_unfold(tmp_path):
    markup, _ = page_of(write_run(tmp_path, "title=<i>"))
    assert "w_avg_beta = 0.995" in markup.split("<details>")[1]
    assert "&lt;i&gt;" in markup
    assert "<i>" not in markup


def test_a_recipe_nobody_can_read_is_shown_as_it_is(tmp_path):
    (write_run(tmp_path) / "recipe.toml").write_text("learning = <fast>\n")
    run = read_run(tmp_path, "a")
    assert "learning = &lt;fast&gt;" in page_of(tmp_path)[0]
    assert any("recipe.toml: not TOML" in problem for problem in run.problems)
