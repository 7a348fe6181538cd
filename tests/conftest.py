import os

# tiny networks gain nothing from threads, and threads that wait for a busy core cost minutes
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from stylegan_cli.checkpoint import load_network
from tests.tiny import write_network


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    return write_network(tmp_path_factory.mktemp("run") / "network-000012.safetensors")


@pytest.fixture(scope="session")
def network(network_file):
    return load_network(network_file)


@pytest.fixture(scope="session")
def network_with_classes(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "network-000012.safetensors"
    return load_network(write_network(path, classes=("cat", "dog", "owl")))
