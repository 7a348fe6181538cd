from dataclasses import replace

import pytest
import torch

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.metrics.separability.classifier import (
    Classifier,
    ClassifierOptions,
    build_classifier,
    load_classifier,
    load_panel,
    save_classifier,
)
from stylegan_cli.metrics.separability.classifier_training import describe_classifier
from stylegan_cli.metrics.separability.panel import attributes_of_columns

CPU = torch.device("cpu")
QUICK = ClassifierOptions(finest_features=4)


@pytest.fixture
def kept(bright, tmp_path):
    """The file of an untrained classifier."""
    attributes = attributes_of_columns(bright.columns())
    description = replace(
        describe_classifier(bright, attributes, (8, 3), QUICK), accuracy=(0.9,), majority=(0.5,)
    )
    network = build_classifier(description).eval()
    path = tmp_path / "classifier.safetensors"
    save_classifier(path, Classifier(description=description, network=network))
    return path


def test_a_classifier_comes_back_as_it_was(kept, bright):
    description = load_classifier(kept, CPU).description
    attributes = attributes_of_columns(bright.columns())
    assert description.names == ("class=light",)
    assert description.accuracy == (0.9,)
    assert description.key == describe_classifier(bright, attributes, (8, 3), QUICK).key


def test_larger_images_are_reduced_to_what_it_learned_from(kept):
    classifier = load_classifier(kept, CPU)
    small = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(classifier.logits(large), classifier.logits(small), atol=1e-5)


def test_an_image_is_judged_alone(kept):
    classifier = load_classifier(kept, CPU)
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    together = classifier.logits(images)
    alone = torch.cat([classifier.logits(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


def test_the_key_knows_data_attributes_and_options(bright):
    attributes = attributes_of_columns(bright.columns())
    again = describe_classifier(bright, attributes, (8, 3), QUICK)
    longer = describe_classifier(bright, attributes, (8, 3), ClassifierOptions(kimg=1.0))
    other = replace(attributes, has=~attributes.has)
    assert again.key == describe_classifier(bright, attributes, (8, 3), QUICK).key
    assert again.key != longer.key
    assert again.key != describe_classifier(bright, other, (8, 3), QUICK).key


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


@pytest.mark.parametrize(
    ("images", "seen", "finest"),
    [("96x64", "96x64", 128), ("512x384", "512x384", 512), ("1024x768", "512x384", 512)],
)
def test_rectangles_have_classifiers_of_their_shape_with_256_px_on_the_shorter_side_at_least(
    bright, images, seen, finest
):
    attributes = attributes_of_columns(bright.columns())
    description = describe_classifier(bright, attributes, (images, 3), ClassifierOptions())
    with torch.device("meta"):
        network = build_classifier(description)
    shapes = {key: tuple(p.shape) for key, p in network.named_parameters()}
    grid = description.size.base
    assert description.side == seen
    assert shapes[f"b{finest}.fromrgb.weight"] == (64, 3, 1, 1)
    assert shapes["b4.fc.weight"] == (512, 512 * grid.area)


def test_larger_rectangles_are_reduced_to_what_it_learned_from(bright, tmp_path):
    attributes = attributes_of_columns(bright.columns())
    description = describe_classifier(bright, attributes, ("12x8", 3), QUICK)
    built = Classifier(description=description, network=build_classifier(description).eval())
    save_classifier(tmp_path / "wide.safetensors", built)
    classifier = load_classifier(tmp_path / "wide.safetensors", CPU)
    small = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(classifier.logits(large), classifier.logits(small), atol=1e-5)


@pytest.mark.parametrize("side", [5, "13x9", "wide", 10**6])
def test_a_classifier_of_impossible_images_is_refused_in_words(kept, side):
    whole = load_classifier(kept, CPU)
    odd = replace(whole, description=replace(whole.description, side=side))
    save_classifier(kept.parent / "odd", odd)
    with pytest.raises(DataError, match="not a classifier of attributes"):
        load_classifier(kept.parent / "odd", CPU)


def test_a_file_that_is_no_classifier_is_refused_in_words(network_file):
    with pytest.raises(DataError, match="not a classifier of attributes"):
        load_classifier(network_file, CPU)


def test_a_classifier_that_is_missing_is_told_so(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        load_classifier(tmp_path / "missing.safetensors", CPU)


def test_a_panel_judges_as_each_of_its_classifiers(kept, bright, tmp_path):
    described = load_classifier(kept, CPU).description
    renamed = replace(described, names=("other",), options=replace(QUICK, seed=1))
    other = Classifier(description=renamed, network=build_classifier(renamed).eval())
    save_classifier(tmp_path / "other.safetensors", other)
    panel = load_panel([kept, tmp_path / "other.safetensors"], CPU)
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    each = [classifier.logits(images) for classifier in panel.classifiers]
    assert panel.names == ("class=light", "other")
    assert panel.accuracy == (0.9, 0.9)
    assert torch.equal(panel.logits(images), torch.cat(each, 1))
    assert not torch.equal(*each)


def test_two_classifiers_of_the_same_attribute_are_refused(kept):
    with pytest.raises(UsageError, match="`classifier`: several predict class=light"):
        load_panel([kept, kept], CPU)
