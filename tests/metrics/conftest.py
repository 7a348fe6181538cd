import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.detectors import open_detector
from stylegan_cli.metrics.cases import Data, Options, network_case
from stylegan_cli.metrics.evaluation import Evaluation, Workplace
from stylegan_cli.metrics.pictures import stored_folder
from stylegan_cli.metrics.protocol import OURS
from stylegan_cli.runtime import World

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def alex():
    return open_detector("alex", purpose="features", device=CPU)


@pytest.fixture(scope="session")
def features_folder(tmp_path_factory):
    """Features of all tests, so that each image is looked at once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def data(image_folder):
    return Data(images=stored_folder(image_folder))


@pytest.fixture(scope="session")
def evaluation(network, data, alex, features_folder):
    """Makes evaluations that are extracted; of one case of eight images if none are given."""

    def make(*cases, metrics=("fid",), protocol=OURS, **options):
        chosen = Options(device=CPU, **{"count": 8, **options})
        made = Evaluation(
            metrics=metrics,
            cases=cases or (network_case(network.path, data, chosen, protocol),),
            detectors={"features": alex, "manifold": alex},
            protocol=protocol,
            workplace=Workplace(device=CPU, folder=features_folder, world=World(), batch_size=4),
        )
        made.check()
        assert sum(made.run()) == made.missing
        return made

    return make


@pytest.fixture(scope="session")
def bright_folder(tmp_path_factory):
    """Images of two classes that anybody tells apart."""
    folder, random = tmp_path_factory.mktemp("bright"), np.random.RandomState(0)
    for i in range(40):
        level = 200 if i % 2 else 40
        pixels = (level + random.randint(-30, 30, (8, 8, 3))).astype(np.uint8)
        path = folder / ("light" if i % 2 else "dark") / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="session")
def bright(bright_folder):
    return open_dataset(bright_folder, resolution=8)
