import h5py
import numpy as np
import pytest
import torch

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.errors import DataError
from stylegan_cli.training.data import borrowed_labels, stream_of
from stylegan_cli.training.settling import training_data
from tests.data.pictures import blocks, folder_of
from tests.tiny import tiny, tiny_growing

LABELLED = "data.labels=true"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    files = {f"{name}/{n:02}.png": blocks(n, 16, 16) for n, name in enumerate("aaaaaaab")}
    return folder_of(tmp_path_factory.mktemp("uneven"), files)


def data_of(folder, *overrides):
    return training_data(tiny(f"data.path={folder}", *overrides))


def shares(dataset, images):
    """How often each class comes among these images."""
    return np.mean([dataset.label(index) for index in images], 0).tolist()


@pytest.mark.parametrize(("balance", "expected"), [("false", [7 / 8, 1 / 8]), ("true", [0.5, 0.5])])
def test_reals_and_labels_of_fakes_have_their_classes_equally_often(folder, balance, expected):
    recipe, dataset = tiny(LABELLED, f"data.balance={balance}"), data_of(folder, LABELLED)
    stream = stream_of(recipe, dataset)
    assert shares(dataset, [stream.pick(n).index for n in range(80)]) == expected
    labels = borrowed_labels(recipe, dataset, torch.device("cpu"))
    assert labels(range(80)).mean(0).tolist() == expected


@pytest.fixture
def vectors(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["images"] = np.zeros((4, 16, 16, 3), np.uint8)
        file["labels"] = np.zeros((4, 2), np.float32)
    return tmp_path / "d.h5"


def test_vectors_cannot_be_balanced(vectors):
    dataset = open_dataset(vectors, resolution=16, labels=True)
    with pytest.raises(DataError, match=r"d\.h5: has no classes to balance"):
        stream_of(tiny(LABELLED, "data.balance=true"), dataset)


def test_a_progressive_gan_learns_classes_only(vectors):
    recipe = tiny_growing(LABELLED, f"data.path={vectors}", family="progan")
    with pytest.raises(DataError, match=r"d\.h5: labels are vectors"):
        training_data(recipe)


def test_so_many_images_are_learned_from(folder):
    chosen = {data_of(folder, "data.max_images=3", f"seed={seed}").names for seed in range(9)}
    assert {len(names) for names in chosen} == {3}
    assert len(chosen) > 1
