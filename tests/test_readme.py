"""Every command and example that README and guides show, run in order in one folder."""

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli import shipped
from stylegan_cli.cli.app import app
from stylegan_cli.recipe import load
from stylegan_cli.studies.projection import tuning
from tests.interop.export.networks import shapes_unchecked
from tests.interop.made import Network, classifier_variables, dumped
from tests.networks.vectors import FOLDER
from tests.tiny import write_network, write_untrained

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
SMALLER = (
    "generator.channel_base=256",
    "generator.channel_max=8",
    "generator.z_dim=8",
    "generator.w_dim=8",
    "train.total_kimg=0.008",
    "train.batch_size=4",
    "train.precision=fp32",
)
FEWER = {
    ("eval", "separability"): ("--num=8", "--classifier-kimg=0.016", "--classifier-features=2"),
    ("eval",): ("--num=8",),
    ("discover", "sefa"): ("--count=4", "--measured-on=2"),
    ("discover", "pca"): ("--count=4", "--measured-on=2", "--samples=500"),
    ("discover", "attribute"): ("--measured-on=2", "--samples=500"),
    ("discover", "channels"): ("--count=2", "--measured-on=2", "--samples=500"),
    ("noise",): ("--seeds=0",),
    ("video",): ("--fps=5",),
    ("project",): ("--steps=2", "--init=mean", "--detector=alex"),
}
"""Options that make commands smaller, by the words that these begin with."""


def blocks(language):
    pages = "\n".join([README, *GUIDES])
    return re.findall(rf"```{language}\n(.*?)```", pages, re.DOTALL)


def shown_commands():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    shown = [line for line in lines if line.startswith(("sgtool ", "python -c "))]
    return [shlex.split(line, comments=True) for line in shown]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder in which all shown commands ran, and what came of each."""
    folder = tmp_path_factory.mktemp("readme")
    random = np.random.RandomState(0)
    for i in range(8):
        path = folder / "photos" / f"kind{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.randint(0, 256, (80, 70, 3)).astype(np.uint8)).save(path)
    shutil.copy(FOLDER / "sg1_32_tf.pkl", folder / "faces.pkl")
    classifier = Network("D", "D_paper", classifier_variables(), version=2)
    (folder / "celebahq-classifier-00-male.pkl").write_bytes(dumped(classifier))
    package = folder / "package"
    package.mkdir()
    write_untrained(package / "portraits-64.safetensors", load("portraits-64", SMALLER))
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SGTOOL_CACHE", str(folder / "cache"))
        patch.setattr(shipped, "FOLDER", package)
        patch.setattr(tuning, "STEPS", 3)
        return folder, [(command, run(command)) for command in shown_commands()]


def run(command):
    program, *words = command
    if program == "python":
        return subprocess.run([sys.executable, *words], check=False, capture_output=True, text=True)
    if words[0] == "convert" and words[2].endswith((".onnx", ".pt2")):
        return convert(words)
    if words[0] == "train":
        return CliRunner().invoke(app, [*words, *smaller(words)])
    shrunk = next((FEWER[key] for key in (tuple(words[:2]), (words[0],)) if key in FEWER), ())
    if "--repeat" in words:
        shrunk += ("--repeat=2",)
    return CliRunner().invoke(app, [*words, *shrunk])


def smaller(words):
    changes = list(SMALLER)
    if "stylegan3-small" in words:
        changes.append("bands.layers=6")
    if any(word.startswith("metrics.") for word in words):
        changes.append("metrics.num=8")
    return [f"--set={each}" for each in changes]


def convert(words):
    # tracing takes seconds for each layer, so the source is a smaller network
    words[1] = str(write_network(Path("small.safetensors"), resolution=8))
    with shapes_unchecked():
        return CliRunner().invoke(app, words)


def succeeded(result):
    return (result.returncode if hasattr(result, "returncode") else result.exit_code) == 0


def test_every_shown_command_works(results):
    _, outcomes = results
    failed = [(command, result.stderr) for command, result in outcomes if not succeeded(result)]
    assert outcomes
    assert failed == []


def test_the_shown_python_works(results):
    folder, _ = results
    network = next(folder.glob("runs/photos/network-*"))
    with contextlib.chdir(folder):
        for block in blocks("python"):
            code = block.replace("network-000200.safetensors", network.name)
            exec(compile(code, "README.md", "exec"), {})


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_ci_runs_the_shown_test_command():
    (command,) = [line for line in README.splitlines() if "python -m pytest" in line]
    assert "grep -m1 'python -m pytest' README.md" in (ROOT / ".ci" / "run").read_text()
    assert command.startswith("python3 -m venv .venv && ")


def test_the_first_command_trains_and_mixes():
    first = blocks("sh")[0]
    assert re.findall(r"sgtool (\w+)", first) == ["train", "mix"]


def test_every_recipe_that_ships_is_listed():
    names = {path.stem for path in (ROOT / "recipes").glob("*.toml")}
    assert names == set(re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE))


def test_every_command_is_listed():
    group = typer.main.get_command(app)
    listed = set(re.findall(r"^\| `sgtool (\w+)", README, re.MULTILINE))
    assert listed == set(group.commands)
