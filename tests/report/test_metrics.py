import json
import re

import pytest

from stylegan_cli.report.tables import results
from tests.report.runs import page_of, write_run

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
