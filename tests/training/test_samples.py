import numpy as np

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.training.outputs import SampleGrid
from tests.tiny import tiny


def grid_of(images, labels):
    data = open_dataset(images, resolution=16, labels=labels)
    return SampleGrid(tiny(), data)


def test_every_row_is_of_one_class_in_turn(image_folder):
    grid = grid_of(image_folder, labels=True)
    rows = grid.c.argmax(1).reshape(-1, grid.columns)
    assert rows.tolist() == [[row % 2] * grid.columns for row in range(8)]


def test_a_class_shows_each_of_its_images_before_one_again(image_folder):
    grid = grid_of(image_folder, labels=True)
    first = grid.reals[:6]
    assert len(np.unique(first, axis=0)) == 6
    np.testing.assert_array_equal(grid.reals[6:12], first)


def test_without_labels_every_image_is_shown_before_one_again(image_folder):
    grid = grid_of(image_folder, labels=False)
    assert len(np.unique(grid.reals[:12], axis=0)) == 12
    assert grid.c.shape == (96, 0)
