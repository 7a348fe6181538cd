import re

from stylegan_cli.results.report.markup import text
from stylegan_cli.results.report.table import facts_table, flatten, records


def rows(markup):
    lines = re.findall(r"<tr>(.*?)</tr>", markup)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines]


def test_several_things_stand_side_by_side_under_their_names():
    table = facts_table([text("a"), text("b")], {"size": [1, 2.50], "time": [None, "x"]})
    assert rows(table) == [["", "a", "b"], ["size", "1", "2.5"], ["time", "", "x"]]


def test_a_single_thing_needs_no_name():
    assert rows(facts_table([text("a")], {"size": [1], "time": [None]})) == [["size", "1"]]


def test_nested_facts_have_dotted_names():
    facts = {"a": 1, "b": {"c": {"d": 2}, "e": []}, "f": ["x", 3]}
    assert dict(flatten(facts)) == {"a": 1, "b.c.d": 2, "b.e": "", "f": "x, 3"}


def test_records_may_have_any_keys():
    markup = "".join(records([{"fd_alex": 3.14159265, "kimg": 1}, {"kimg": 2, "kd": {"v": "<"}}]))
    assert rows(markup) == [
        ["fd alex", "kimg", "kd.v"],
        ["3.14159", "1", ""],
        ["", "2", "&lt;"],
    ]


def test_what_all_records_agree_in_is_said_once():
    markup = "".join(records([{"kimg": 1, "num": 5, "seed": None}, {"kimg": 2, "num": 5}]))
    assert rows(markup) == [["kimg"], ["1"], ["2"]]
    assert "In all lines: num 5" in markup


def test_a_single_record_is_a_line():
    assert rows("".join(records([{"kimg": 1, "num": 5}]))) == [["kimg", "num"], ["1", "5"]]
