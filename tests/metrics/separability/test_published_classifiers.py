import numpy as np
import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.errors import ForeignFileError
from stylegan_cli.metrics.separability.classifier import load_classifier, read_published_classifier
from tests.interop.made import Network, classifier_variables, dumped


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "celebahq-classifier-00-male.pkl"
    path.write_bytes(dumped(Network("D", "D_paper", classifier_variables(), version=2)))
    return path


def slow_logit(variables, images):
    """The published classifiers' verdict, layer by layer as they are described."""

    def weight(name, gain=2**0.5):
        value = torch.from_numpy(variables[f"{name}/weight"])
        scaled = value * gain / np.sqrt(np.prod(value.shape[:-1]))
        return scaled.permute(3, 2, 0, 1) if value.ndim == 4 else scaled.T

    def layer(x, name, padding):
        y = F.conv2d(x, weight(name), padding=padding)
        y = F.avg_pool2d(y, 2) if name.endswith("_down") else y
        return F.leaky_relu(y + torch.from_numpy(variables[f"{name}/bias"])[:, None, None], 0.2)

    x = layer(images, "FromRGB_lod0", 0)
    for side in (16, 8):
        x = layer(x, f"{side}x{side}/Conv0", 1)
        x = layer(x, f"{side}x{side}/Conv1_down", 1)
    x = layer(x, "4x4/Conv", 1).flatten(1)
    x = F.linear(x, weight("4x4/Dense0"), torch.from_numpy(variables["4x4/Dense0/bias"]))
    x = F.leaky_relu(x, 0.2)
    return F.linear(x, weight("4x4/Dense1", 1), torch.from_numpy(variables["4x4/Dense1/bias"]))


def test_a_published_classifier_says_what_the_original_says(file):
    classifier = read_published_classifier(file)
    assert (classifier.description.names, classifier.description.side) == (("male",), 16)
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = slow_logit(classifier_variables(), images)
    torch.testing.assert_close(classifier.logits(images), expected, rtol=1e-4, atol=1e-4)


def test_convert_writes_a_classifier_that_separability_takes(file):
    done = CliRunner().invoke(app, ["convert", str(file), str(file.with_suffix(".safetensors"))])
    assert done.exit_code == 0, done.stderr
    assert "a classifier of male, 16×16" in done.stderr
    classifier = load_classifier(file.with_suffix(".safetensors"), torch.device("cpu"))
    assert classifier.description.accuracy == (None,)


def test_a_discriminator_that_blurs_is_no_classifier(file):
    file.write_bytes(dumped(Network("D", "D_basic", classifier_variables(), version=3)))
    with pytest.raises(ForeignFileError, match="not a classifier of attributes"):
        read_published_classifier(file)
