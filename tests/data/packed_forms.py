"""Data sets as others store them, each written by the library of its form."""

import csv
import gzip
import io
import json
import tarfile

import pytest

from tests.data.pictures import blocks, encoded

CLASSES = ("cat", "dog")
IMAGES = [blocks(seed, 24 + 8 * (seed % 3), 32) for seed in range(8)]
PNGS = [encoded(image) for image in IMAGES]
DAMAGED = PNGS[0][:60]


def lmdb_of(path, values):
    lmdb = pytest.importorskip("lmdb")
    path.parent.mkdir(exist_ok=True)
    with lmdb.open(str(path), map_size=2**24) as database, database.begin(write=True) as writing:
        for key, value in values.items():
            writing.put(key.encode(), value)
    return path


def lsun(folder):
    return lmdb_of(folder / "church_lmdb", {f"{i:040x}": png for i, png in enumerate(PNGS)})


def table(path, columns, features=None, **options):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = arrow.table(columns)
    if features:
        info = {"info": {"features": features}}
        made = made.replace_schema_metadata({"huggingface": json.dumps(info)})
    parquet.write_table(made, path, **options)
    return path


def hugging_face(folder, pngs=PNGS):
    """Two files of a split, and one of another, as the Hub keeps a data set."""
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": list(CLASSES)},
    }
    data = folder / "data"
    data.mkdir(parents=True)
    for number, part in enumerate((pngs[:4], pngs[4:])):
        columns = {
            "image": [{"bytes": png, "path": f"{i}.png"} for i, png in enumerate(part)],
            "label": [i % 2 for i in range(4)],
            "size": [i * 0.5 for i in range(4)],
        }
        path = data / f"train-{number:05d}-of-00002.parquet"
        table(path, columns, features, row_group_size=3)
    table(data / "test-00000-of-00001.parquet", columns, features)
    return folder


def image_folder_with_metadata(folder):
    folder.mkdir()
    for i, png in enumerate(PNGS):
        (folder / f"{i}.png").write_bytes(png)
    with (folder / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", "label", "caption"])
        rows.writerows([f"{i}.png", CLASSES[i % 2], f"picture, {i}"] for i in range(8))
    return folder


def web_dataset(folder):
    webdataset = pytest.importorskip("webdataset")
    folder.mkdir()
    for number in range(2):
        with webdataset.TarWriter(str(folder / f"birds-{number:03d}.tar")) as shard:
            for i in range(4 * number, 4 * number + 4):
                described = {"label": CLASSES[i % 2], "size": i * 0.5}
                sample = {"png": PNGS[i], "json": described, "pyd": {"a": 1}}
                shard.write({"__key__": f"{i:06d}", **sample})
    return folder / "birds-{000..001}.tar"


def gzipped_shards(folder):
    pattern = web_dataset(folder)
    for path in folder.glob("*.tar"):
        path.with_suffix(".tgz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return pattern.with_suffix(".tgz")


FORMS = (lsun, hugging_face, image_folder_with_metadata, web_dataset, gzipped_shards)


def tar_of(path, files, *, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
    return path
