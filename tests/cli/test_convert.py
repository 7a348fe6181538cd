import re

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stylegan_cli.cli.app import app
from tests.networks.vectors import FOLDER, Vectors

PICKLES = {path.stem: re.sub("_(ada|tf)$", "", path.stem) for path in FOLDER.glob("*.pkl")}
"""Files of the originals, and the vectors that tell what images they make."""


def sgtool(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    for name in PICKLES:
        done = sgtool("convert", FOLDER / f"{name}.pkl", folder / f"{name}.safetensors")
        assert done.exit_code == 0, done.stderr
    return folder


def pixels(images):
    return (images.permute(0, 2, 3, 1) * 127.5 + 128).clip(0, 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("name", PICKLES)
def test_grid_draws_the_images_of_the_original(name, converted, tmp_path):
    vectors = Vectors(PICKLES[name])
    drawn = []
    for seed in range(3):
        label = [f"--class={vectors['c'][seed].argmax()}"] if vectors["c"].shape[1] else []
        flags = ("--seeds", seed, "--psi", "1", "--noise-mode", "const", *label)
        network = converted / f"{name}.safetensors"
        done = sgtool("grid", *flags, "--network", network, "-o", tmp_path / str(seed))
        assert done.exit_code == 0, done.stderr
        with h5py.File(tmp_path / str(seed) / "grid.h5") as study:
            drawn.append(study["images"][:].reshape(-1, *study["images"].shape[-3:])[0])
    expected = pixels(vectors["img_const"][:3])
    assert np.abs(np.stack(drawn).astype(int) - expected).max() <= 1
