"""Every command that writes files, over inputs so small that it takes about a second."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.packed_forms import table, tar_of
from tests.faults.server import Server
from tests.tiny import TINY, write_network

NETWORK = ["--network", "net.safetensors", "--device", "cpu"]
TRAIN = [
    *("train", "stylegan2-small", "--data", "data.zip", "--device", "cpu"),
    *(f"--set={each}" for each in TINY),
    *("--set=data.resolution=32", "--set=metrics.every_ticks=2", "--set=metrics.num=6"),
]
PACKED = {"parquet": "d.parquet", "shards": "d-{0..1}.tar"}
TRAIN_FROM = {
    f"train-{name}": [*(data if word == "data.zip" else word for word in TRAIN), "-o", "out"]
    for name, data in PACKED.items()
}
"""Training that reads images where others packed them."""
CLASSIFIER = ["--train-classifier", "--classifier-kimg", "0.016", "--classifier-features", "4"]
COMMANDS = {
    "train": [*TRAIN, "-o", "out"],
    "grid": ["grid", "--seeds", "0-3", *NETWORK, "-o", "out", "--pdf"],
    "mix": ["mix", "--rows", "1,2", "--cols", "3,4", "--crossover", "4", *NETWORK, "-o", "out"],
    "noise": ["noise", "--seeds", "0,1", "--draws", "3", *NETWORK, "-o", "out"],
    "truncation": ["truncation", "--seeds", "0,1", "--psi", "1,0.5,0", *NETWORK, "-o", "out"],
    "video": ["video", "--seeds", "0,1", "--seconds", "5", *NETWORK, "-o", "out/v.mp4"],
    "gif": ["video", "--seeds", "0,1", "--seconds", ".3", "--frames", *NETWORK, "-o", "out/v.gif"],
    "webp": ["video", "--seeds", "0,1", "--seconds", ".3", *NETWORK, "-o", "out/v.webp"],
    "project": ["project", "photos", "--steps", "6", *NETWORK, "-o", "out"],
    "sefa": ["discover", "sefa", "--count", "2", *NETWORK, "-o", "out/d.h5"],
    "pca": ["discover", "pca", "--samples", "200", "--count", "2", *NETWORK, "-o", "out/d.h5"],
    "attribute": [
        *("discover", "attribute", "brightness", "--samples", "100", "--top", ".1"),
        *(*NETWORK, "-o", "out/d.h5"),
    ],
    "edit": ["edit", "--direction", "d.h5:sefa/0", "--seeds", "0,1", *NETWORK, "-o", "out"],
    "prepare-zip": ["data", "prepare", "photos", "-o", "out/d.zip", "--resolution", "16"],
    "prepare-h5": ["data", "prepare", "data.zip", "-o", "out/d.h5", "--resolution", "16"],
    "sample": ["data", "sample", "portraits", "-o", "out/d.zip", "--count", "8"],
    "inspect": ["data", "inspect", "photos", "--sheet", "out/sheet.png"],
    "fid": ["eval", "fid", "--data", "data.zip", "--num", "12", *NETWORK, "-o", "out"],
    "ppl": ["eval", "ppl", "--num", "6", "--batch", "2", *NETWORK, "-o", "out"],
    "separability": [
        *("eval", "separability", "--data", "data.zip", "--num", "24", *CLASSIFIER),
        *(*NETWORK, "-o", "out"),
    ],
    "convert": ["convert", "original.pkl", "out/o.safetensors"],
    "convert-back": ["convert", "net.safetensors", "out/o.pt"],
    "report": ["report", "run", "grid", "-o", "out/r.html"],
}
SETTINGS = {"SGTOOL_CACHE": "cache", "HOME": "home", "MPLCONFIGDIR": "/tmp/mpl-faults"}
"""The cache is part of what must survive."""


def make_inputs(folder: Path, server: Server) -> Path:
    """Write everything that the commands read into a folder."""
    folder.mkdir(exist_ok=True)
    write_network(folder / "net.safetensors", resolution=32)
    random = np.random.RandomState(0)
    for i in range(16):
        path = folder / "photos" / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(path)
    _pack(sorted((folder / "photos").rglob("*.png")), folder)
    original = Path(__file__).parents[1] / "reference" / "sg2_g_cond_32_ada.pkl"
    (folder / "original.pkl").write_bytes(original.read_bytes())
    made = server.run(
        folder,
        ["data", "prepare", "photos", "-o", "data.zip", "--resolution", "32", "-q"],
        ["discover", "sefa", "--count", "2", *NETWORK, "-o", "d.h5", "-q"],
        [*TRAIN, "-o", "run", "-q"],
        ["grid", "--seeds", "0,1", *NETWORK, "-o", "grid", "-q"],
        settings=SETTINGS,
    )
    assert set(made.codes) == {0}, made.errors
    return folder


def _pack(images: list[Path], folder: Path) -> None:
    """Write the images into a parquet of several groups of rows and into two tar files."""
    files = {f"{i:02d}.png": path.read_bytes() for i, path in enumerate(images)}
    columns = {"image": [{"bytes": png, "path": name} for name, png in files.items()]}
    table(folder / PACKED["parquet"], columns, row_group_size=3)
    for number in range(2):
        half = dict(list(files.items())[number::2])
        tar_of(folder / f"d-{number}.tar", half)
