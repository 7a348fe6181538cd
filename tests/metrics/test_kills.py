"""Evaluations that are killed at any moment and started again end as if nothing had happened."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.metrics.outputs import read_records
from tests.tiny import write_network

KILLS = 4
COMMANDS = {
    "fid": ("fid", "--data", "data", "--num", "24", "--batch", "2"),
    "ppl": ("ppl", "--num", "12", "--batch", "1"),
    "separability": (
        *("separability", "--data", "data", "--num", "24", "--batch", "2", "--train-classifier"),
        *("--classifier-kimg", "0.016", "--classifier-features", "4"),
    ),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_network(tmp_path / "network.safetensors", resolution=32)
    pixels = np.random.RandomState(0)
    for i in range(12):
        path = Path("data", "ab"[i % 2], f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(path)
    return tmp_path


def started(words, name):
    settings = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SGTOOL_CACHE": f"cache-{name}",
        "SGTOOL_NETWORK": "network.safetensors",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "stylegan_cli", "eval", *words, "--device", "cpu", "-o", name],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("metric", COMMANDS)
def test_killed_evaluations_lose_nothing_and_repeat_nothing(metric, here):
    began = time.monotonic()
    whole = started(COMMANDS[metric], "whole")
    expected, errors = whole.communicate()
    assert whole.returncode == 0, errors
    seconds = time.monotonic() - began
    moments = random.Random(metric)
    for _ in range(KILLS):
        killed = started(COMMANDS[metric], "killed")
        time.sleep(seconds * moments.uniform(0.4, 1.1))
        killed.kill()
        killed.communicate()
    for _ in range(2):
        last = started(COMMANDS[metric], "killed")
        found, errors = last.communicate()
        assert (last.returncode, found) == (0, expected), errors
    lines = [[record["results"] for record in read_records(here / name / "metrics.jsonl")]
             for name in ("whole", "killed")]  # fmt: skip
    assert lines[0] == lines[1]
    assert len(lines[0]) == 1
