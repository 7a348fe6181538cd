import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.detectors.registry import open_detector
from stylegan_cli.metrics.cases import network_case
from stylegan_cli.metrics.evaluation import Evaluation
from stylegan_cli.metrics.features import Workplace
from stylegan_cli.metrics.metric import Request, Steps
from stylegan_cli.metrics.pictures import stored_folder
from stylegan_cli.metrics.protocol import OURS
from stylegan_cli.metrics.registry import metrics as all_metrics
from stylegan_cli.networks.execution import Execution

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
    return stored_folder(image_folder)


@pytest.fixture(scope="session")
def evaluation(network, data, alex, features_folder):
    """Makes evaluations that are extracted; of one case of eight images if none are given."""

    def make(*cases, metrics=("fid",), protocol=OURS, **options):
        request = Request(**{"num": 8, **options})
        execution = Execution(batch_size=4)
        place = Workplace(folder=features_folder, execution=execution)
        made = Evaluation(
            metrics=tuple(all_metrics()[name] for name in metrics),
            cases=cases or (network_case(network.path, data, request, protocol, place),),
            detectors={"features": alex, "manifold": alex},
            protocol=protocol,
            place=place,
        )
        made.check()
        for event in made.extract():
            assert not isinstance(event, Steps) or sum(event.counts) == event.total
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
