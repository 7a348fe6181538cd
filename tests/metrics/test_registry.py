"""Metrics of other packages, which sgtool measures without knowing them."""

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.metrics import registry
from stylegan_cli.metrics.registry import GROUP

ON_FEATURES = '''
"""A metric on features."""
from stylegan_cli.api import Metric, OnFeatures

def _measure(samples):
    real, fake = samples.pair
    return {"toy": float(abs(real.mean() - fake.mean()))}

TOY = Metric(
    name="toy",
    about="Measure the distance of means.",
    examples=("`num=100`",),
    work=OnFeatures(measure=_measure),
    better="smaller",
)
'''
ON_CODES = '''
"""A metric on codes, with an option of its own."""
from dataclasses import dataclass
from typing import Annotated
import numpy as np
from annotated_types import Ge
from stylegan_cli.api import Conclusion, Metric, OnCodes, Series

@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the metric.

    Attributes:
        power: Of each number.
    """

    power: Annotated[int, Ge(1)] = 2

def _prepare(network, request, place):
    def series(network, seed):
        num, power = request.num or 10, request.options.power
        def conclude(columns):
            yield Conclusion(values={f"toy_codes_{power}": float(columns["powers"].mean())})
        facts = {"metric": "toy-codes", "num": num, "power": power, "seed": seed}
        yield Series(
            name="toy-codes",
            request={**facts, "network_sha256": network.sha256},
            columns={"powers": ()},
            measure=lambda part: {"powers": np.array(part, np.float32) ** power},
            conclude=conclude,
            batch_size=4,
        )
    return series
    yield

TOY_CODES = Metric(
    name="toy-codes",
    about="Measure powers of numbers.",
    examples=("`power=3`",),
    work=OnCodes(prepare=_prepare),
    takes=frozenset({"network", "num", "seed", "output"}),
    options=Options,
)
'''


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package in which two metrics are registered as entry points."""
    folder = tmp_path / "site"
    facts = folder / "toymetrics-1.dist-info"
    facts.mkdir(parents=True)
    (folder / "toymetrics_features.py").write_text(ON_FEATURES)
    (folder / "toymetrics_codes.py").write_text(ON_CODES)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toymetrics\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(
        f"[{GROUP}]\ntoy = toymetrics_features:TOY\ntoy-codes = toymetrics_codes:TOY_CODES\n"
    )
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(registry, "_METRICS", dict(registry._METRICS))
    registry._of_packages.cache_clear()
    yield
    registry._of_packages.cache_clear()
    for name in ("toymetrics_features", "toymetrics_codes"):
        sys.modules.pop(name, None)


def sgtool(*words):
    return CliRunner().invoke(app, ["eval", *map(str, words)])


@pytest.mark.usefixtures("installed")
def test_a_metric_of_another_package_is_a_command(network_file, image_folder, tmp_path):
    assert {each.name for each in entry_points(group=GROUP)} == {"toy", "toy-codes"}
    assert "Measure the distance of means." in sgtool("--help").stdout
    assert "sgtool eval toy --num 100" in sgtool("toy", "--help").stdout
    words = ("--network", network_file, "--data", image_folder, "--num", 8, "-o", tmp_path / "o")
    done = sgtool("toy", *words, "--json")
    assert done.exit_code == 0, done.stderr
    (record,) = json.loads(done.stdout)["records"]
    assert (record["metric"], record["num_fake"]) == ("toy", 8)
    assert list(record["results"]) == ["toy_alex"]
    assert sgtool("toy", *words).stdout.startswith("toy_alex\t")


@pytest.mark.usefixtures("installed")
def test_a_metric_on_codes_has_flags_of_its_own(network_file, tmp_path):
    words = ("--network", network_file, "--num", 3, "-o", tmp_path / "o")
    done = sgtool("toy-codes", *words, "--power", 3)
    assert (done.exit_code, done.stdout) == (0, "toy_codes_3\t3\t\n"), done.stderr
    assert len(list(Path(tmp_path / "o").glob("toy-codes-*.h5"))) == 1
    assert sgtool("toy-codes", *words, "--power", 0).exit_code == 2
    assert sgtool("toy-codes", *words, "--psi", 1).exit_code == 2


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("code", ["1 / 0", "TOY = 3"])
def test_a_broken_metric_of_another_package_ends_in_words(code, tmp_path):
    (tmp_path / "site" / "toymetrics_features.py").write_text(code)
    done = sgtool("kid", "--help")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "metric toy: toymetrics_features:TOY" in done.stderr


def test_metrics_are_listed_without_torch():
    code = "import sys; from stylegan_cli.metrics import registry; "
    code += "print('torch' in sys.modules, *registry.metrics())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:3] == ["False", "fid", "kid"]
