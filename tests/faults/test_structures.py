"""Files whose structure is wrong but whose names and checksums fit: every error ends in words."""

import io
import json
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from stylegan_cli.networks.snapshot import load_network, save_difference
from tests.data.packed_forms import lmdb_of, table
from tests.data.pictures import blocks, encoded
from tests.data.test_idx import idx_bytes
from tests.faults.campaign import failures_of
from tests.faults.commands import NETWORK, TRAIN
from tests.faults.conftest import TIMES
from tests.faults.readers import Reader
from tests.faults.structures import archives, binary, described, images, texts

INPUTS = 100
RECIPES = Path(__file__).parents[2] / "recipes"
PNGS = [encoded(blocks(seed, 8, 8)) for seed in range(8)]
DATA = (
    "data inspect {}/VICTIM --sheet {}/s.png -q",
    "data prepare {}/VICTIM -o {}/o.zip --resolution 8 -q",
)
RESUME = " ".join([*TRAIN, "--set=train.total_kimg=0.072", "-o", "{}/run", "-q"])
KINDS = ("recipes", "tables of labels", "labels in JSON", "annotated folders", "statistics",
         "networks", "parquet", "zips", "tars", "LMDB", "idx", *images.FORMATS)  # fmt: skip


@pytest.fixture(scope="module")
def known(inputs, tmp_path_factory):
    found = _readers(inputs, tmp_path_factory.mktemp("seeds"))
    assert set(found) == set(KINDS)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_files_of_a_wrong_structure_end_in_words(kind, known, server, fresh):
    folder = fresh("damaged")
    (folder / "precious").write_text("mine")
    failures = failures_of(known[kind], INPUTS * TIMES, folder, server, kind)
    assert not failures, "\n\n".join(failures[:10]) + f"\n\n{len(failures)} failures"
    assert (folder / "precious").read_text() == "mine"


def _readers(inputs, folder):
    def reader(seeds, damage, *commands, beside=None):
        return Reader(seeds=seeds, damage=damage, commands=commands, share=0, beside=beside or {})

    run = {f"run/{name}": (inputs / "run" / name).read_bytes() for name in (
        "recipe.toml", "stats.jsonl", "metrics.jsonl", "state.pt")}  # fmt: skip
    grown = {name: run.pop(name) for name in ("run/stats.jsonl", "run/metrics.jsonl")}
    shipped = {f"{name}.toml": (RECIPES / f"{name}.toml").read_bytes()
               for name in ("stylegan2-small", "stylegan3-t", "progan")}  # fmt: skip
    photos = {f"f/{i}.png": png for i, png in enumerate(PNGS)}
    rows = [{"file_name": f"{i}.png", "label": i % 2, "hair": "ab"[i % 2]} for i in range(8)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    table_ = "".join(f"{'ab'[i % 2]}/{i:02d}.png,{i % 2}\n" for i in range(16)).encode()
    labels = {"labels": [[f"{'ab'[i % 2]}/{i:02d}.png", i % 2] for i in range(16)]}
    index = {
        "labels": [[f"{i}.png", i % 2] for i in range(8)],
        "classes": ["a", "b"],
        "attributes": {"hair": {"values": ["x", "y"], "index": [i % 2 for i in range(8)]}},
        "prepared": {"resolution": 8},
    }
    prepare = "data prepare photos --labels {}/VICTIM -o {}/o.zip --resolution 8 -q"
    inspect = (
        "data inspect {}/f -q",
        "data prepare {}/f -o {}/o.h5 --resolution 8 -q",
        "info {}/f",
    )
    return {
        "recipes": reader({"r.toml": run["run/recipe.toml"]} | shipped, texts.recipe,
                          "recipe check {}/VICTIM", "train {}/VICTIM -n", "info {}/VICTIM"),
        "tables of labels": reader({"l.csv": table_}, texts.table, prepare),
        "labels in JSON": reader({"l.json": json.dumps(labels).encode()}, texts.document, prepare),
        "annotated folders": reader(
            {"f/metadata.jsonl": lines, "f/dataset.json": json.dumps(index).encode()},
            lambda data, random: (texts.lines if data is lines else texts.document)(data, random),
            *inspect,
            beside=photos,
        ),
        "statistics": reader(
            grown,
            texts.lines,
            *("info {}/run", "report {}/run -o {}/r.html -q", RESUME),
            f"eval ppl --num 2 {' '.join(NETWORK)} -o {{}}/run -q",
            beside=run,
        ),
        "networks": reader(
            {
                "n.safetensors": (inputs / "net.safetensors").read_bytes(),
                "m.safetensors": _tuned(inputs),
            },
            described.network,
            *("info {}/VICTIM", "grid --seeds 0 --network {}/VICTIM -o {}/g -q"),
            "convert {}/VICTIM {}/o.pt -q",
        ),
        "parquet": reader({"d.parquet": _parquet(folder)}, described.parquet, *DATA),
        "zips": reader(
            {"d.zip": (inputs / "data.zip").read_bytes()}, archives.zipped, *DATA, "info {}/d.zip"
        ),
        "tars": reader(
            {"d.tar": _tar(), "e.tar.gz": b"\x1f\x8b"},
            lambda data, random: archives.shards(_tar(), random, zipped=data[:2] == b"\x1f\x8b"),
            *DATA,
        ),
        "LMDB": reader({"data.mdb": _lmdb(folder)}, binary.lmdb, *DATA),
        "idx": reader(
            {"train-images-idx3-ubyte": _idx(3, 28, 28), "train-labels-idx1-ubyte": _idx(3)},
            binary.idx,
            "data prepare {}/train-images-idx3-ubyte -o {}/o.zip -q",
            "info {}/train-images-idx3-ubyte",
        ),
        **{
            name: reader({name: b""}, partial(images.picture, kind=kind), DATA[1])
            for name, kind in images.FORMATS.items()
        },
    }  # fmt: skip


def _tuned(inputs):
    base = load_network(inputs / "net.safetensors")
    changed = load_network(inputs / "net.safetensors").G
    changed.mapping.w_avg += 1
    path = inputs / "tuned.safetensors"
    save_difference(path, base, changed, base)
    data = path.read_bytes()
    path.unlink()
    return data


def _parquet(folder):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b"]}}
    columns = {
        "image": [{"bytes": png, "path": f"{i}.png"} for i, png in enumerate(PNGS)],
        "label": [i % 2 for i in range(8)],
        "size": [i * 0.5 for i in range(8)],
        "name": [f"{i}" for i in range(8)],
    }
    return table(folder / "d.parquet", columns, features, row_group_size=3).read_bytes()


def _tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i, png in enumerate(PNGS):
            for name, content in ((f"{i:04d}.png", png), (f"{i:04d}.json", b'{"label": 1}'),
                                  (f"{i:04d}.cls", b"1")):  # fmt: skip
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _lmdb(folder):
    values = {f"{i:040x}": PNGS[i % 8] + bytes(3000 * (i % 20 == 0)) for i in range(120)}
    return (lmdb_of(folder / "lmdb", values) / "data.mdb").read_bytes()


def _idx(*shape):
    return idx_bytes(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8))
