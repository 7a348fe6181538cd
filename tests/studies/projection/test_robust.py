"""Projection under `kill -9`, in two processes, and in a batch of eight."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.processes import in_two_processes
from tests.studies.projection.test_projection import codes, open_projection, projected

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from stylegan_cli.networks.snapshot import (load_network)
from stylegan_cli.studies.projection import search
from tests.studies.projection.test_projection import projected

search.SAVED_EVERY = 0.0
file, folder, pictures = map(Path, sys.argv[1:])
network, stream = load_network(file), random.Random(5)
for _ in range(10):
    child = os.fork()
    if not child:
        try:
            projected(network, folder, sorted(pictures.iterdir()))
        finally:
            os._exit(0)
    time.sleep(stream.uniform(0.05, 1.0))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eight")
    stream = np.random.RandomState(3)
    for i in range(8):
        pixels = stream.randint(0, 256, (2, 2, 3)).astype(np.uint8)
        image = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BILINEAR)
        image.save(folder / f"p{i}.png")
    return folder


@pytest.mark.slow
def test_ten_kills_end_in_the_same_bits(network, eight, tmp_path):
    given = sorted(eight.iterdir())
    whole = codes(projected(network, tmp_path / "whole", given))
    subprocess.run(
        [sys.executable, "-c", KILLED, network.path, tmp_path / "cut", eight],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert (tmp_path / "cut").exists()
    for name, ws in codes(projected(network, tmp_path / "cut", given)).items():
        np.testing.assert_array_equal(ws, whole[name])


@pytest.mark.slow
def test_one_of_eight_is_what_it_is_alone(network, eight, tmp_path):
    given = sorted(eight.iterdir())
    together = projected(network, tmp_path / "all", given, batch_size=8)
    alone = projected(network, tmp_path / "one", given[5:6])
    assert open_projection(network, tmp_path / "all", given, batch_size=8).missing == 0
    one, other = (
        each.records[at].measures["lpips_alex"] for each, at in ((together, 5), (alone, 0))
    )
    assert abs(one - other) < 1e-3


@pytest.mark.slow
def test_two_processes_are_one(network_file, eight, tmp_path):
    words = ("project", eight, "--network", network_file, "--steps", "4", "--init", "best-of:4")
    words = (*words, "--detector", "alex", "--batch", "2", "--seed", "1", "--device", "cpu")
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run(
        [sys.executable, "-m", "stylegan_cli", *map(str, words), "-o", one],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    in_two_processes((*words, "-o", two), OMP_NUM_THREADS="1")
    with h5py.File(one / "projected.h5") as a, h5py.File(two / "projected.h5") as b:
        np.testing.assert_array_equal(a["ws"], b["ws"])
        np.testing.assert_array_equal(a["images"], b["images"])
