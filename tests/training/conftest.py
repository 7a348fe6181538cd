from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import Dataset, open_dataset
from stylegan_cli.recipe import Recipe, load

TINY = (
    "title=tiny",
    "data.resolution=16",
    "generator.z_dim=8",
    "generator.w_dim=8",
    "generator.mapping_layers=2",
    "generator.channel_base=128",
    "generator.channel_max=8",
    "loss.r1_gamma=1.0",
    "loss.r1_interval=4",
    "loss.pl_interval=2",
    "train.batch_size=8",
    "train.ema_kimg=0.1",
    "train.total_kimg=0.064",
    "train.precision=fp32",
    "report.tick_kimg=0.016",
    "report.image_ticks=2",
    "report.snapshot_ticks=2",
    "report.state_ticks=1",
)


def tiny(*overrides: str) -> Recipe:
    return load("stylegan2", [*TINY, *overrides])


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    random = np.random.RandomState(0)
    for i, name in enumerate(["a", "b"] * 6):
        pixels = random.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        path = folder / name / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="session")
def dataset(image_folder: Path) -> Dataset:
    return open_dataset(image_folder, resolution=16)
