import os

import tests.checking  # noqa: F401 - before the package is imported

# tiny networks gain nothing from threads, and threads that wait for a busy core cost minutes
os.environ.setdefault("OMP_NUM_THREADS", "1")
# as the command line has it: threads that wait leave the cores to the other tests
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# each of the many processes that tests start would compile the whole package again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# the package is imported in fixtures: xdist's controller reads this file, and needs no torch

# a busy machine takes its time, and a first call more than later ones
settings.register_profile("sgtool", deadline=None)
settings.load_profile("sgtool")


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    from tests.tiny import write_network

    return write_network(tmp_path_factory.mktemp("run") / "network-000012.safetensors")


@pytest.fixture(scope="session")
def network(network_file):
    from stylegan_cli.networks.snapshot import load_network

    return load_network(network_file)


@pytest.fixture(scope="session")
def network_with_classes(tmp_path_factory):
    from stylegan_cli.networks.snapshot import load_network
    from tests.tiny import write_network

    path = tmp_path_factory.mktemp("classes") / "network-000012.safetensors"
    return load_network(write_network(path, classes=("cat", "dog", "owl")))


@pytest.fixture(scope="session")
def growing_networks(tmp_path_factory):
    from stylegan_cli.networks.snapshot import load_network
    from tests.networks.families import GROWING, small
    from tests.tiny import write_untrained

    folder = tmp_path_factory.mktemp("growing")
    return {
        kind: load_network(write_untrained(folder / f"{kind}.safetensors", small(kind)))
        for kind in GROWING
    }


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    random = np.random.RandomState(0)
    for i, name in enumerate(["a", "b"] * 6):
        pixels = random.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        path = folder / name / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="session")
def dataset(image_folder):
    from stylegan_cli.data.dataset import open_dataset

    return open_dataset(image_folder, resolution=16)
