"""Runs on rectangles and on images of five channels, from the command line to the picture."""

from itertools import count

import h5py
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.errors import Interrupted
from tests.tiny import TINY
from tests.tiny import tiny as recipe_of
from tests.training.test_loop import assert_same_bits, final_weights, run

SHAPE = ("data.resolution=24x16", "data.channels=5", "data.preview=[4, 3, 0]")
AUGMENTED = ("augment.mode=fixed", "augment.p=0.8", "augment.pipe=bgcfnc")
UNLIKE = ("loss", "generator.mapping", "train.ema")
FADING = (
    "discriminator.mbstd_group_size=2",
    "growing.initial_resolution=16",
    "growing.training_kimg=0.016",
    "growing.transition_kimg=0.032",
    "growing.batch_size={32 = 4}",
)


def sgtool(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    path = tmp_path_factory.mktemp("stacks") / "stacks.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(0).integers(0, 256, (12, 16, 24, 5)).astype(np.uint8)
    return path


@pytest.fixture(scope="module")
def trained(stacks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = [f"--set={each}" for each in (*TINY, *SHAPE, *AUGMENTED, "train.total_kimg=0.016")]
    sgtool("train", "stylegan2", "--data", stacks, "-o", folder, *settings)
    return folder


def test_a_stopped_run_of_another_shape_ends_with_the_same_bits(stacks, tmp_path):
    recipe = recipe_of(*SHAPE, *AUGMENTED, "train.total_kimg=0.032")
    dataset, steps = open_dataset(stacks, resolution="24x16", channels=5), count(1)
    run(recipe, dataset, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(recipe, dataset, tmp_path / "stopped", stop=lambda: next(steps) == 3)
    run(recipe, dataset, tmp_path / "stopped")
    assert_same_bits(final_weights(tmp_path / "stopped"), final_weights(tmp_path / "whole"))


def test_a_stopped_run_on_halves_ends_with_the_same_bits(tmp_path):
    """Mirrored, augmented, with labels of two numbers."""
    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file["images"] = random.random((12, 16, 24, 5), np.float32)
        file["labels"] = random.random((12, 2), np.float32)
    words = ("--resolution", "24x16", "--channels", "5", "--levels", "0,1", "--store", "float16")
    sgtool("data", "prepare", tmp_path / "deep.h5", "-o", tmp_path / "fine.h5", *words)
    shape = {"resolution": "24x16", "channels": 5, "labels": True}
    dataset, steps = open_dataset(tmp_path / "fine.h5", **shape), count(1)
    coloured = ("data.mirror=true", "data.labels=true", "augment.mode=ada", "augment.ada_kimg=0.05")
    recipe = recipe_of(*SHAPE, *coloured, "train.total_kimg=0.032")
    run(recipe, dataset, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(recipe, dataset, tmp_path / "stopped", stop=lambda: next(steps) == 3)
    run(recipe, dataset, tmp_path / "stopped")
    assert_same_bits(final_weights(tmp_path / "stopped"), final_weights(tmp_path / "whole"))
    with h5py.File(tmp_path / "fine.h5") as file, Image.open(tmp_path / "whole/reals.png") as image:
        rounded = np.rint(file["images"][...])[..., [4, 3, 0]]
        assert any(np.array_equal(np.asarray(image)[:16, :24], each) for each in rounded)


@pytest.mark.parametrize("family", ["progan", "stylegan1-f"])
def test_growing_networks_grow_through_rectangles(stacks, tmp_path, family):
    settings = [
        *(each for each in TINY if not each.startswith(UNLIKE)),
        *SHAPE,
        *FADING,
        *(() if family == "progan" else ("generator.mapping_layers=2",)),
    ]
    words = [f"--set={each}" for each in settings]
    sgtool("train", family, "--data", stacks, "-o", tmp_path / "run", *words)
    with Image.open(next((tmp_path / "run").glob("fakes-*.png"))) as image:
        assert (image.width % 24, image.height % 16, image.mode) == (0, 0, "RGB")


def test_the_sheet_of_reals_shows_the_channels_of_the_recipe(stacks, trained):
    with h5py.File(stacks) as file, Image.open(trained / "reals.png") as image:
        first = np.asarray(image)[:16, :24]
        assert any(np.array_equal(first, each[..., [4, 3, 0]]) for each in file["images"][...])


def test_a_study_holds_all_channels_and_shows_three(trained, tmp_path):
    sgtool("grid", "--seeds", "0-2", "--network", trained, "-o", tmp_path / "grid")
    with h5py.File(tmp_path / "grid" / "grid.h5") as file:
        images = file["images"][...]
    assert images.shape == (3, 16, 24, 5)
    pictures = sorted((tmp_path / "grid" / "images").glob("*.png"))
    for pixels, path in zip(images, pictures, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), pixels[..., [4, 3, 0]])


@pytest.mark.parametrize(
    "words",
    [
        ("mix", "--rows", "1", "--cols", "2", "--crossover", "2"),
        ("noise", "--seeds", "0", "--draws", "2"),
        ("truncation", "--seeds", "0", "--psi", "1,0.5"),
        ("grid", "--seeds", "0-4", "--collage"),
    ],
    ids=lambda words: words[0],
)
def test_studies_draw_other_shapes(trained, tmp_path, words):
    sgtool(*words, "--network", trained, "-o", tmp_path / "study")
    assert list((tmp_path / "study").glob("*.png"))


def test_videos_show_other_shapes(trained, tmp_path):
    words = ("--seeds", "0,1", "--seconds", "0.2", "--fps", "10", "--network", trained)
    sgtool("video", *words, "--size", "48", "-o", tmp_path / "v.gif")
    with Image.open(tmp_path / "v.gif") as image:
        assert image.size == (48, 32)


@pytest.mark.slow
def test_projections_find_codes_of_other_shapes(stacks, trained, tmp_path):
    words = ("--network", trained, "--steps", "2", "-o", tmp_path / "found")
    sgtool("project", stacks, *words)
    assert (tmp_path / "found" / "projected.png").exists()


def test_metrics_see_three_channels(stacks, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    words = ("--network", trained, "--detector", "alex", "--num", "8", "-o", tmp_path / "found")
    assert "fd_alex" in sgtool("eval", "fid", "--data", stacks, *words).stdout


@pytest.mark.slow
def test_programs_of_other_shapes_are_exported(trained, tmp_path):
    sgtool("convert", trained, tmp_path / "network.pt2")
