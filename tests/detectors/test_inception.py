import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylegan_cli.detectors.inception import InceptionFeatures
from stylegan_cli.detectors.registry import weights_shapes
from tests.detectors.made import REFERENCE, deviation, made, vectors


@pytest.fixture(scope="module")
def outputs():
    network = made(InceptionFeatures)
    within = {}
    for name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_6e"):
        layer = network.get_submodule(name)
        layer.register_forward_hook(lambda _, __, out, name=name: within.update({name: out}))
    features = network(vectors("inception_images"))
    return {
        "64": F.max_pool2d(within["Conv2d_2b_3x3"], 3, 2).mean((2, 3)),
        "192": F.max_pool2d(within["Conv2d_4a_3x3"], 3, 2).mean((2, 3)),
        "768": within["Mixed_6e"].mean((2, 3)),
        "2048": features,
        "probabilities": network.probabilities(features),
    }


@pytest.mark.parametrize("level", ["64", "192", "768", "2048"])
def test_features_equal_the_originals(outputs, level):
    assert deviation(outputs[level], vectors(f"inception_{level}")) < 1e-5


def test_probabilities_are_those_of_the_unbiased_logits(outputs):
    expected = vectors("inception_logits_unbiased").softmax(dim=1)
    torch.testing.assert_close(outputs["probabilities"], expected, atol=1e-6, rtol=1e-4)


def test_names_and_shapes_are_the_communitys():
    with np.load(REFERENCE / "detectors.npz", allow_pickle=False) as file:
        keys = json.loads(str(file["inception_keys"]))
    expected = {name: torch.Size(shape) for name, shape in keys.items() if "tracked" not in name}
    assert weights_shapes("inception") == expected
