from stylegan_cli.recipe import Settled, load
from stylegan_cli.report.inputs import read_run
from stylegan_cli.report.tables import differences
from tests.report.runs import page_of, write_run


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
