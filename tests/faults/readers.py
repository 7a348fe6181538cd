"""Every kind of file that sgtool reads, an undamaged one of each, and the commands that read it."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image

from tests.data.test_idx import idx_bytes
from tests.data.test_tfrecords import example, record
from tests.faults.commands import NETWORK, SETTINGS, TRAIN
from tests.faults.mutations import Mutation, in_description, in_zip, mutated
from tests.faults.server import Server
from tests.faults.structures.hdf5 import restructured
from tests.interop import rosinality1, rosinality2
from tests.interop.hostile import HOSTILE

SAME = ("png", "jpeg", "webp", "gif", "tiff", "bmp", "ppm", "tga", "ico")
IMAGES = {**{suffix: suffix for suffix in SAME}, "jp2": "jpeg2000"}
"""Formats by suffix."""
STRUCTURED = ("studies", "begun studies", "measurements", "directions", "HDF5 data sets")
"""Kinds whose HDF5 files are damaged in their structure, too."""
as_text = partial(mutated, text=True)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A kind of file.

    Attributes:
        seeds: Undamaged files by name; one of them is damaged, the others lie beside it.
        damage: Damages it.
        commands: Words of what reads it, where {} is the folder it lies in.
        share: Inputs out of 100 of the whole campaign.
        beside: Files that are never damaged.
    """

    seeds: Mapping[str, bytes]
    damage: Mutation
    commands: tuple[str, ...]
    share: float
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def input(self, folder: Path, random: Random) -> list[list[str]]:
        """Write a damaged file into a folder, and return the commands that read it."""
        victim = random.choice(list(self.seeds))
        for name, data in {**self.beside, **self.seeds}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.damage(data, random) if name == victim else data)
        places = {"{}": str(folder), "{}/VICTIM": str(folder / victim)}
        words = [command.split() for command in self.commands]
        return [
            [places.get(word, word.replace("{}", str(folder))) for word in command]
            + _flags(command)
            for command in words
        ]


def _flags(command: list[str]) -> list[str]:
    return NETWORK if command[0] in ("grid", "edit") and "--network" not in command else []


def readers(folder: Path, server: Server) -> dict[str, Reader]:
    """Return all readers; the folder has the inputs of the commands and takes some more."""

    def content(name: str) -> bytes:
        return (folder / name).read_bytes()

    made = server.run(
        folder,
        ["data", "prepare", "photos", "-o", "data.h5", "--resolution", "32", "-q"],
        ["eval", "ppl", "--num", "4", *NETWORK, "-o", "ppl", "-q"],
        ["video", "--seeds", "0,1", "--seconds", ".2", *NETWORK, "-o", "v.mp4", "-q"],
        [
            "project",
            "photos/a/00.png",
            "photos/a/02.png",
            "--steps",
            "2",
            *NETWORK,
            "-o",
            "p",
            "-q",
        ],
        ["noise", "--seeds", "0,1", "--draws", "2", *NETWORK, "-o", "noise", "-q"],
        [
            "discover",
            "styles",
            "--count",
            "2",
            "--samples",
            "100",
            *NETWORK[:2],
            "-o",
            "c.h5",
            "-q",
        ],
        settings=SETTINGS,
    )
    assert set(made.codes) == {0}, made.errors
    (ppl,) = (folder / "ppl").glob("*.h5")
    recipe = content("run/recipe.toml")
    run = {name: content(f"run/{name}") for name in ("stats.jsonl", "metrics.jsonl")}
    state = {f"run/{name}": content(f"run/{name}") for name in ("recipe.toml", "stats.jsonl")}
    resume = " ".join([*TRAIN, "--set=train.total_kimg=0.072", "-o", "{}/run", "-q"])
    beside = {"recipe.toml": recipe}
    found = {
        "pickles": Reader(
            seeds={"x.pkl": content("original.pkl")},
            damage=_pickle,
            commands=("info {}/x.pkl", "convert {}/x.pkl {}/o.safetensors -q"),
            share=12,
        ),
        "torch": Reader(
            seeds={
                "zip.pt": _torch(rosinality2.checkpoint()),
                "old.pt": _torch(rosinality2.checkpoint(), _use_new_zipfile_serialization=False),
                "one.pt": _torch(rosinality1.generator_state()),
            },
            damage=_torch_file,
            commands=("convert {}/VICTIM {}/o.safetensors -q",),
            share=8,
        ),
        "networks": Reader(
            seeds={"n.safetensors": content("net.safetensors")},
            damage=in_description,
            commands=("info {}/n.safetensors", "grid --seeds 0 --network {}/n.safetensors -o {}/g"),
            share=9,
        ),
        "codes": Reader(
            seeds={"w.npz": _npz(), "z.npy": _npy(np.zeros((3, 8), np.float32))},
            damage=lambda data, random: (in_zip if data[:2] == b"PK" else mutated)(data, random),
            commands=("info {}/VICTIM", "grid --seeds {}/VICTIM -o {}/g -q"),
            share=9,
        ),
        "studies": Reader(
            seeds={"s.h5": content("grid/grid.h5")},
            damage=mutated,
            commands=(
                "info {}/s.h5",
                "report {}/s.h5 -o {}/r.html",
                "grid --seeds {}/s.h5:0 -o {}/g",
            ),
            share=8,
        ),
        "begun studies": Reader(
            seeds={"g/.grid.h5.partial": content("grid/grid.h5")},
            damage=mutated,
            commands=("grid --seeds 0,1 -o {}/g -q",),
            share=3,
        ),
        "measurements": Reader(
            seeds={"m.h5": ppl.read_bytes()}, damage=mutated, commands=("info {}/m.h5",), share=3
        ),
        "directions": Reader(
            seeds={"d.h5": content("d.h5")},
            damage=mutated,
            commands=("info {}/d.h5", "edit --direction {}/d.h5:sefa/0 --seeds 0 -o {}/e -q"),
            share=5,
        ),
        "zips": Reader(
            seeds={"d.zip": content("data.zip")},
            damage=in_zip,
            commands=("data inspect {}/d.zip --sheet {}/s.png -q",),
            share=9,
        ),
        "HDF5 data sets": Reader(
            seeds={"d.h5": content("data.h5")},
            damage=mutated,
            commands=("data inspect {}/d.h5 --sheet {}/s.png -q",),
            share=6,
        ),
        "records": Reader(
            seeds={"d.tfrecords": _records(), "train-images-idx3-ubyte": _idx()},
            damage=mutated,
            commands=("data prepare {}/VICTIM -o {}/o.zip -q",),
            share=8,
        ),
        "images": Reader(
            seeds={f"a.{suffix}": _image(kind) for suffix, kind in IMAGES.items()},
            damage=mutated,
            commands=("data prepare {}/VICTIM -o {}/o.zip -q",),
            share=8,
        ),
        "recipes": Reader(
            seeds={"r.toml": recipe}, damage=as_text, commands=("recipe check {}/r.toml",), share=5
        ),
        "labels": Reader(
            seeds={"l.csv": _table(), "l.json": _labels()},
            damage=as_text,
            commands=("data prepare photos --labels {}/VICTIM -o {}/o.zip --resolution 8 -q",),
            share=4,
        ),
        "run statistics": Reader(
            seeds=run,
            beside=beside,
            damage=as_text,
            commands=("info {}", "report {} -o {}/r.html -q"),
            share=4,
        ),
        "accounts": Reader(
            seeds={"v.mp4.json": content("v.mp4.json")},
            damage=as_text,
            commands=("info v.mp4", "info {}/v.mp4"),
            share=2,
        ),
        "states": Reader(
            seeds={"run/state.pt": content("run/state.pt")},
            damage=lambda data, random: in_zip(data, random, text=".none"),
            commands=(resume,),
            share=3,
        ),
        "statistics of a run that is resumed": Reader(
            seeds=state, damage=as_text, commands=(resume,), share=1
        ),
    }
    kept = {name: replace(found[name], damage=restructured) for name in STRUCTURED}
    projected = {f"p/{name}": content(f"p/{name}") for name in ("projected.h5", "projected.png")}
    hidden = f".{ppl.name}.partial"
    wholes = {
        **kept,
        "projections": Reader(
            seeds={"p.h5": content("p/projected.h5")},
            damage=restructured,
            commands=(
                "info {}/p.h5",
                "report {}/p.h5 -o {}/r.html",
                "grid --seeds {}/p.h5:0 -o {}/g",
            ),
            share=5,
        ),
        "begun projections": Reader(
            seeds={"p/projected.h5": projected["p/projected.h5"]},
            damage=restructured,
            commands=(
                f"project photos/a/00.png photos/a/02.png photos/a/04.png --steps 2 "
                f"{' '.join(NETWORK)} -o {{}}/p -q",
            ),
            share=3,
        ),
        "noise studies": Reader(
            seeds={"n.h5": content("noise/noise.h5")},
            damage=restructured,
            commands=("info {}/n.h5", "report {}/n.h5 -o {}/r.html"),
            share=3,
        ),
        "centres": Reader(
            seeds={"c.h5": content("c.h5")},
            damage=restructured,
            commands=("info {}/c.h5", "grid --seeds {}/c.h5:centres -o {}/g -q"),
            share=3,
        ),
        "begun measurements": Reader(
            seeds={f"ppl/{hidden}": ppl.read_bytes()},
            damage=restructured,
            commands=(f"eval ppl --num 4 {' '.join(NETWORK)} -o {{}}/ppl -q",),
            share=3,
        ),
    }
    return found | {f"structure of {name}": reader for name, reader in wholes.items()}


def _pickle(data: bytes, random: Random) -> bytes:
    """Damage a pickle, or put a program that does harm into it or in its place."""
    if random.random() < 0.6:
        return mutated(data, random)
    evil = random.choice(list(HOSTILE.values()))
    if random.random() < 0.5:
        return mutated(evil, random)
    i = random.randrange(len(data))
    return data[:i] + evil[2:-1] + data[i:]


def _torch_file(data: bytes, random: Random) -> bytes:
    if data[:2] != b"PK":
        return mutated(data, random)
    return in_zip(data, random, text=".none")


def _torch(content: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, w=np.zeros((3, 8), np.float32))
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _records() -> bytes:
    pixels = np.random.RandomState(0).randint(0, 256, (3, 3, 16, 16)).astype(np.uint8)
    return b"".join(record(example(image), crc=False) for image in pixels)


def _idx() -> bytes:
    return idx_bytes(np.random.RandomState(0).randint(0, 256, (3, 28, 28)).astype(np.uint8))


def _image(kind: str) -> bytes:
    pixels = np.random.RandomState(0).randint(0, 256, (32, 32, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def _table() -> bytes:
    return "".join(f"{'ab'[i % 2]}/{i:02d}.png,{'ab'[i % 2]}\n" for i in range(16)).encode()


def _labels() -> bytes:
    return json.dumps(
        {"labels": [[f"{'ab'[i % 2]}/{i:02d}.png", i % 2] for i in range(16)]}
    ).encode()
