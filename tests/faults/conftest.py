"""One server and one set of inputs for all faults; `SGTOOL_FAULTS=4` runs four times as many."""

import os
import shutil

import pytest

from tests.faults.commands import make_inputs
from tests.faults.server import Server

TIMES = int(os.environ.get("SGTOOL_FAULTS", "1"))


@pytest.fixture(scope="session")
def server():
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def inputs(server, tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("faults") / "inputs", server)


@pytest.fixture
def fresh(inputs, tmp_path):
    """A function that returns a new copy of the inputs."""

    def copy(name):
        folder = tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(inputs, folder)

    return copy
