import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.errors import DataError
from stylegan_cli.metrics.separability import classifier_training
from stylegan_cli.metrics.separability.classifier import ClassifierOptions, load_classifier
from stylegan_cli.metrics.separability.classifier_training import ClassifierTraining
from stylegan_cli.metrics.separability.panel import Attributes, attributes_of_columns

CPU = torch.device("cpu")
QUICK = ClassifierOptions(kimg=0.32, finest_features=4, lr=0.005)
SHORT = ClassifierOptions(kimg=0.04, finest_features=2, mirror=True)


@pytest.fixture
def labelled(bright, monkeypatch, tmp_path):
    """Labelled images, and a place of its own for classifiers."""
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path))
    return bright, attributes_of_columns(bright.columns()), (8, 3)


@pytest.fixture
def keeps_every_step(monkeypatch):
    monkeypatch.setattr(classifier_training, "KEEP_EVERY", 0.0)


def test_a_classifier_learns_what_is_plain_to_see(labelled):
    training = ClassifierTraining(*labelled, QUICK)
    assert sum(training.run(CPU)) == training.total == 320
    assert training.is_finished
    classifier = load_classifier(training.path, CPU)
    assert classifier.description.accuracy == (1,)
    assert min(classifier.description.majority) >= 0.5
    light = torch.full((1, 3, 8, 8), 0.6)
    dark = torch.full((1, 3, 8, 8), -0.7)
    logits = classifier.logits(torch.cat([dark, light]))
    assert (logits > 0).tolist() == [[False], [True]]


def test_a_damaged_classifier_is_trained_again(labelled):
    training = ClassifierTraining(*labelled, SHORT)
    list(training.run(CPU))
    whole = training.path.read_bytes()
    training.path.write_bytes(whole[:-1])
    assert not training.is_finished
    list(training.run(CPU))
    assert training.path.read_bytes() == whole


@pytest.mark.usefixtures("keeps_every_step")
def test_a_training_that_stopped_goes_on_to_the_same_bits(labelled):
    stopped = ClassifierTraining(*labelled, SHORT)
    steps = stopped.run(CPU)
    assert sum(next(steps) for _ in range(3)) == 24
    steps.close()
    going_on = ClassifierTraining(*labelled, SHORT)
    assert going_on.there == 24
    assert sum(going_on.run(CPU)) == 16
    rest = going_on.path.read_bytes()
    going_on.path.unlink()
    assert sum(ClassifierTraining(*labelled, SHORT).run(CPU)) == 40
    assert going_on.path.read_bytes() == rest


@pytest.mark.usefixtures("keeps_every_step")
@pytest.mark.parametrize("damage", [b"", b"no tensors"])
def test_a_damaged_state_is_not_gone_on_with(labelled, damage):
    training = ClassifierTraining(*labelled, SHORT)
    next(training.run(CPU))
    (state,) = training.path.parent.glob(".*.training")
    state.write_bytes(damage)
    assert training.there == 0
    assert sum(training.run(CPU)) == 40


@pytest.mark.usefixtures("keeps_every_step")
def test_a_finished_training_leaves_nothing_but_its_classifier(labelled):
    training = ClassifierTraining(*labelled, SHORT)
    list(training.run(CPU))
    assert list(training.path.parent.iterdir()) == [training.path]


def test_each_attribute_has_a_classifier_of_its_own(labelled):
    dataset, attributes, shape = labelled
    two = Attributes(
        names=("light", "odd"),
        images=np.arange(40),
        has=np.stack([attributes.has[:, 0], np.arange(40) % 4 < 2], axis=1),
    )
    turned = replace(two, names=("odd", "light"), has=two.has[:, ::-1])
    trainings, again = (
        [ClassifierTraining(dataset, one, shape, SHORT) for one in several.one_by_one()]
        for several in (two, turned)
    )
    assert [training.names for training in trainings] == [("light",), ("odd",)]
    assert trainings[0].path != trainings[1].path
    assert [each.path for each in again] == [each.path for each in reversed(trainings)]


def test_a_single_image_is_too_few(labelled):
    dataset, attributes, shape = labelled
    one = replace(attributes, images=np.array([0]), has=attributes.has[:1])
    with pytest.raises(DataError, match="1 labelled images are too few"):
        list(ClassifierTraining(dataset, one, shape, SHORT).run(CPU))


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.metrics.separability import classifier_training
from stylegan_cli.metrics.separability.panel import attributes_of_columns
from stylegan_cli.metrics.separability.classifier import ClassifierOptions
classifier_training.KEEP_EVERY = 0.0
dataset = open_dataset(Path(sys.argv[1]), resolution=8)
labelled = dataset, attributes_of_columns(dataset.columns()), (8, 3)
options = ClassifierOptions(kimg=0.04, finest_features=2, mirror=True)
for number, _ in enumerate(classifier_training.ClassifierTraining(*labelled, options).run(
    torch.device("cpu")
)):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(labelled, bright_folder):
    whole = ClassifierTraining(*labelled, SHORT)
    list(whole.run(CPU))
    expected = whole.path.read_bytes()
    whole.path.unlink()
    program = [sys.executable, "-c", KILLED, str(bright_folder)]
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(program, env=place, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert ClassifierTraining(*labelled, SHORT).there == 24
    assert sum(ClassifierTraining(*labelled, SHORT).run(CPU)) == 16
    assert whole.path.read_bytes() == expected
