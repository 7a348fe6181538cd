import re

from stylegan_cli.report.page import environment
from stylegan_cli.report.tables import flatten


def rows(markup):
    lines = re.findall(r"<tr>(.*?)</tr>", markup)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines]


def facts_table(heads, facts):
    return str(environment(str).get_template("parts.html").module.facts(heads, facts.items()))


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
