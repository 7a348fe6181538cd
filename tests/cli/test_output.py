import json

from stylegan_cli.cli.console import echo_json, echo_table

ROWS = [("a", 1), ("long [x]", 20)]


def test_a_table_in_a_pipe_is_tab_separated_without_headings(capsys):
    echo_table(("name", "n"), ROWS)
    assert capsys.readouterr() == ("a\t1\nlong [x]\t20\n", "")


def test_a_table_on_a_terminal_is_aligned_under_headings(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    echo_table(("name", "n"), ROWS)
    assert capsys.readouterr().out == "name      n\na         1\nlong [x]  20\n"


def test_json_is_one_document(capsys):
    echo_json({"path": "µ.zip"})
    assert json.loads(capsys.readouterr().out) == {"path": "µ.zip"}
