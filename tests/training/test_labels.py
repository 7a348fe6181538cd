import h5py
import numpy as np
import pytest

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.networks.snapshot import load_network
from stylegan_cli.training.loop import train
from tests.tiny import tiny, tiny_growing, tiny_run


def trained(recipe, data, folder):
    list(train(tiny_run(recipe, data, folder)))
    return load_network(sorted(folder.glob("network-*"))[-1], discriminator=True)


@pytest.mark.parametrize("family", ["progan", "stylegan1-c", "stylegan2-d"])
def test_growing_networks_learn_balanced_classes(image_folder, tmp_path, family):
    recipe = tiny_growing("data.labels=true", "data.balance=true", family=family)
    data = open_dataset(image_folder, resolution=16, labels=True)
    network = trained(recipe, data, tmp_path / "run")
    assert (network.c_dim, network.classes) == (2, ("a", "b"))


def test_vectors_condition_both_networks(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["images"] = np.random.RandomState(0).randint(0, 256, (8, 16, 16), np.uint8)
        file["labels"] = np.random.RandomState(1).rand(8, 3).astype(np.float32)
    recipe = tiny("data.labels=true", "data.channels=1", "train.total_kimg=0.016")
    data = open_dataset(tmp_path / "d.h5", resolution=16, channels=1, labels=True)
    network = trained(recipe, data, tmp_path / "run")
    assert (network.c_dim, network.classes, network.D.c_dim) == (3, (), 3)
