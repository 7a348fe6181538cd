import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.errors import DataError
from stylegan_cli.metrics.attribute_classifier import (
    ClassifierOptions,
    build_classifier,
    describe_classifier,
    load_classifier,
    train_classifier,
)
from stylegan_cli.metrics.attributes import attributes_of_columns

CPU = torch.device("cpu")
QUICK = ClassifierOptions(kimg=0.64, finest_features=4, lr=0.003)


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """Images of two classes that anybody tells apart."""
    folder, random = tmp_path_factory.mktemp("bright"), np.random.RandomState(0)
    for i in range(40):
        level = 200 if i % 2 else 40
        pixels = (level + random.randint(-30, 30, (8, 8, 3))).astype(np.uint8)
        path = folder / ("light" if i % 2 else "dark") / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return open_dataset(folder, resolution=8)


@pytest.fixture(scope="module")
def trained(bright, tmp_path_factory):
    attributes = attributes_of_columns(bright.columns())
    description = describe_classifier(bright, attributes, (8, 3), QUICK)
    path = tmp_path_factory.mktemp("kept") / "classifier.safetensors"
    shown = sum(train_classifier(bright, attributes, description, path, CPU))
    return path, description, shown


def test_a_classifier_learns_what_is_plain_to_see(trained):
    path, description, shown = trained
    classifier = load_classifier(path, CPU)
    assert shown == 640
    assert classifier.description.names == ("class=light",)
    assert classifier.description.accuracy == (1,)
    assert min(classifier.description.majority) >= 0.5
    light = torch.full((1, 3, 8, 8), 0.6)
    dark = torch.full((1, 3, 8, 8), -0.7)
    logits = classifier.logits(torch.cat([dark, light]))
    assert (logits > 0).tolist() == [[False], [True]]
    assert classifier.description.key == description.key


def test_larger_images_are_reduced_to_what_it_learned_from(trained):
    classifier = load_classifier(trained[0], CPU)
    small = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(classifier.logits(large), classifier.logits(small), atol=1e-5)


def test_an_image_is_judged_alone(trained):
    classifier = load_classifier(trained[0], CPU)
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    together = classifier.logits(images)
    alone = torch.cat([classifier.logits(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_key_knows_data_attributes_and_options(bright, trained):
    attributes = attributes_of_columns(bright.columns())
    again = describe_classifier(bright, attributes, (8, 3), QUICK)
    longer = describe_classifier(bright, attributes, (8, 3), ClassifierOptions(kimg=1.0))
    assert again.key == trained[1].key != longer.key


def test_at_256_px_the_network_is_the_papers(bright):
    attributes = attributes_of_columns(bright.columns())
    description = describe_classifier(bright, attributes, (1024, 3), ClassifierOptions())
    with torch.device("meta"):
        shapes = {
            key: tuple(p.shape) for key, p in build_classifier(description).named_parameters()
        }
    assert shapes["b256.fromrgb.weight"] == (64, 3, 1, 1)
    assert shapes["b256.conv1.weight"] == (128, 64, 3, 3)
    assert shapes["b64.conv1.weight"] == (512, 256, 3, 3)
    assert shapes["b4.conv.weight"] == (512, 512, 3, 3)
    assert shapes["b4.fc.weight"] == (512, 8192)
    assert shapes["b4.out.weight"] == (1, 512)


def test_a_file_that_is_no_classifier_is_refused_in_words(tmp_path, network_file):
    with pytest.raises(DataError, match="not a classifier of attributes"):
        load_classifier(network_file, CPU)
    with pytest.raises(DataError, match="not a classifier of attributes"):
        load_classifier(tmp_path / "missing.safetensors", CPU)
