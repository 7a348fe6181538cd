"""Data sets as others store them."""

import json
import tarfile
import zipfile
from contextlib import closing
from itertools import count

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, account, prepare
from stylegan_cli.data.relabelled import numbered
from stylegan_cli.data.sources import open_source, open_sources
from stylegan_cli.errors import DataError, Interrupted
from stylegan_cli.training.loop import train
from tests.data.packed_forms import (
    CLASSES,
    DAMAGED,
    FORMS,
    IMAGES,
    PNGS,
    gzipped_shards,
    hugging_face,
    image_folder_with_metadata,
    lmdb_of,
    lsun,
    table,
    tar_of,
    web_dataset,
)
from tests.data.pictures import image_of
from tests.tiny import tiny, tiny_run

form = pytest.mark.parametrize("make", FORMS)


@pytest.fixture
def source(make, tmp_path):
    with closing(open_source(make(tmp_path / "made"))) as source:
        yield source


@form
def test_images_and_labels_come_as_they_were_written(make, source):
    entries = list(source.entries())
    assert source.tally().images == len(entries) == 8
    for entry, image in zip(entries, IMAGES, strict=True):
        assert np.array_equal(image_of(source, entry), image)
    labels = [entry.label for entry in entries]
    assert labels == ([None] * 8 if make is lsun else list(CLASSES * 4))
    assert len({entry.name for entry in entries}) == 8


@form
def test_a_form_is_prepared_and_trained_from_alike(make, tmp_path):
    path = make(tmp_path / "made")
    request = Preparation(destination=tmp_path / "p.zip", target=Target(resolution=16))
    with open_sources([path]) as sources:
        assert [step.problem for step in prepare(sources, request)] == [None] * 8
        with closing(open_source(tmp_path / "p.zip")) as made:
            assert account(sources, made).taken == 8
    labels = make is not lsun
    direct = open_dataset(path, resolution=16, labels=labels)
    prepared = open_dataset(tmp_path / "p.zip", resolution=16, labels=labels)
    assert direct.classes == prepared.classes == (CLASSES if labels else ())
    for i in range(8):
        assert all(map(np.array_equal, direct.read(i), prepared.read(i)))


@pytest.mark.parametrize("make", [hugging_face, web_dataset, gzipped_shards])
def test_a_killed_run_on_a_form_ends_with_the_same_bits(make, tmp_path):
    path = make(tmp_path / "made")
    recipe = tiny("data.labels=true", "train.total_kimg=0.016", "report.tick_kimg=0.008")
    request = Preparation(destination=tmp_path / "p.zip", target=Target(resolution=16))
    with open_sources([path]) as sources:
        list(prepare(sources, request))
    weights = []
    for name, data in (("direct", path), ("prepared", tmp_path / "p.zip"), ("resumed", path)):
        steps, folder = count(1), tmp_path / name
        for stop_after in (1, 99) if name == "resumed" else (99,):
            run = tiny_run(recipe, open_dataset(data, resolution=16, labels=True), folder)
            try:
                list(train(run, stop=lambda n=stop_after, s=steps: next(s) == n))
            except Interrupted:
                continue
        weights.append(load_file(folder / "network-000000.016.safetensors"))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert all(torch.equal(weights[0][key], weights[2][key]) for key in weights[0])


def passed(source):
    return {reason: group.count for reason, group in source.tally().passed.items()}


def test_a_split_for_tests_is_passed_over(tmp_path):
    with closing(open_source(hugging_face(tmp_path / "made"))) as source:
        assert passed(source) == {"other splits than train": 1}
        first = next(source.entries())
    assert (first.name, first.attributes) == ("train-00000-of-00002/00000000.png", {"size": "0.0"})


def test_pickles_in_shards_are_passed_over(tmp_path):
    with closing(open_source(web_dataset(tmp_path / "made"))) as source:
        assert passed(source) == {"not images (.pyd)": 8}
        first = next(source.entries())
    assert (first.name, first.attributes) == ("birds-000/000000.png", {"size": "0.0"})


def test_a_folder_of_shards_is_all_of_them(tmp_path):
    folder = web_dataset(tmp_path / "made").parent
    with closing(open_source(folder)) as source:
        assert source.tally().images == 8


@pytest.mark.parametrize("suffix", ["tar", "parquet"])
def test_files_of_one_name_keep_their_labels_apart(tmp_path, suffix):
    for number in (0, 1):
        folder = tmp_path / "set" / f"part-{number}"
        folder.mkdir(parents=True)
        if suffix == "tar":
            tar_of(folder / "all.tar", {"0.png": PNGS[number], "0.cls": b"%d" % number})
        else:
            table(folder / "all.parquet", {"image": PNGS[number : number + 1], "label": [number]})
    with closing(open_source(tmp_path / "set")) as source:
        entries = list(source.entries())
    assert [entry.label for entry in entries] == ["0", "1"]
    assert [entry.name.partition("/")[0] for entry in entries] == ["part-0", "part-1"]


@pytest.mark.parametrize("name", ["e\u0301", "a\\b"])
def test_names_of_other_systems_keep_their_labels(tmp_path, name):
    path = tar_of(tmp_path / "x.tar", {f"{name}.png": PNGS[0], f"{name}.json": b'{"label": "cat"}'})
    with closing(open_source(path)) as source:
        assert [entry.label for entry in source.entries()] == ["cat"]


def test_captions_are_attributes(tmp_path):
    with closing(open_source(image_folder_with_metadata(tmp_path / "made"))) as source:
        assert [entry.attributes["caption"] for entry in source.entries()][:2] == [
            "picture, 0",
            "picture, 1",
        ]
        assert passed(source) == {}


@pytest.mark.parametrize("root", ["", "birds/"])
def test_metadata_counts_in_a_zip_as_in_its_folder(tmp_path, root):
    folder = image_folder_with_metadata(tmp_path / "made")
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, root + path.name)
        file.writestr(f"{root}notes.csv", "a,b\n")
    with (
        closing(open_source(folder)) as plain,
        closing(open_source(tmp_path / "made.zip")) as packed,
    ):
        for entry, same in zip(plain.entries(), packed.entries(), strict=True):
            assert (entry.name, entry.label) == (same.name, same.label)
            assert entry.attributes == same.attributes
        assert packed.classes == plain.classes
        assert passed(packed) == {"not images (.csv)": 1}


def test_metadata_may_lie_in_sub_folders_as_json_lines(tmp_path):
    for split in ("a", "b"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "x.png").write_bytes(PNGS[0])
        line = {"file_name": "x.png", "label": f"of {split}", "text": "t"}
        (tmp_path / split / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    with closing(open_source(tmp_path)) as source:
        assert [entry.label for entry in source.entries()] == ["of a", "of b"]
        assert source.classes == ("of a", "of b")


def test_of_an_lmdb_of_several_sizes_the_largest_is_taken(tmp_path):
    values = {f"{side}-{i:05d}": PNGS[i] for side in (128, 64, 256) for i in range(2)}
    path = lmdb_of(tmp_path / "sized", {**values, "length": b"2"})
    with closing(open_source(path)) as source:
        assert [entry.name for entry in source.entries()] == ["256-00000", "256-00001"]
        assert passed(source) == {"smaller than those of 256 px": 4, "values that are no image": 1}


def test_an_lmdb_of_many_pages_gives_every_value(tmp_path):
    values = {f"k{i:05d}": PNGS[0] + bytes(i % 5000) for i in range(1500)}
    with closing(open_source(lmdb_of(tmp_path / "many", values))) as source:
        entries = list(source.entries())
        assert [entry.name for entry in entries] == list(values)
        assert all(source.content(e) == values[e.name] for e in entries[::97])


def test_a_folder_in_a_tar_has_its_classes(tmp_path):
    files = {"./cat/img.1.png": PNGS[0], "./cat/img.2.png": PNGS[1], "./dog/a.png": PNGS[2]}
    with closing(open_source(tar_of(tmp_path / "x.tar", files))) as source:
        assert [entry.label for entry in source.entries()] == ["cat", "cat", "dog"]


def test_class_numbers_in_shards_keep_their_order(tmp_path):
    files = {}
    for i, number in enumerate((10, 2, 0)):
        files |= {f"{i}.png": PNGS[i], f"{i}.cls": b"%d" % number}
    with closing(open_source(tar_of(tmp_path / "x.tar", files))) as source:
        assert [entry.label for entry in source.entries()] == ["10", "2", "0"]
        assert source.classes == tuple(map(str, range(11)))


@pytest.mark.parametrize("number", [b"9" * 30, b"9" * 5000])
def test_a_number_that_is_no_class_is_refused_in_words(number, tmp_path):
    path = tar_of(tmp_path / "x.tar", {"0.png": PNGS[0], "0.cls": number})
    with pytest.raises(DataError, match=r"the label 9{30}"):
        open_source(path)


def test_a_hostile_tar_names_what_it_passes_over(tmp_path):
    files = {
        "../../up.png": PNGS[0],
        "/abs.png": PNGS[0],
        "link.png": "/etc/passwd",
        "a.pickle": b"\x80\x04.",
        "a.seg.png": PNGS[1],
        "b.jpg": PNGS[1],
        "b.seg.png": PNGS[2],
        "c.png": DAMAGED,
    }
    with closing(open_source(tar_of(tmp_path / "x.tar", files))) as source:
        assert [entry.name for entry in source.entries()] == ["a.seg.png", "b.jpg", "c.png"]
        assert passed(source) == {
            "names that lead outside the tar file": 2,
            "links and other special files": 1,
            "not images (.pickle)": 1,
            "further images of a sample": 1,
        }


@form
def test_damaged_images_are_left_out_with_their_reason(make, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.data.packed_forms.PNGS", [DAMAGED, *PNGS[1:]])
    if make is hugging_face:
        monkeypatch.setattr(hugging_face, "__defaults__", ([DAMAGED, *PNGS[1:]],))
    dataset = open_dataset(make(tmp_path / "made"), resolution=16)
    assert len(dataset) == 7
    assert [group.count for group in dataset.account.left_out.values()] == [1]


def header_that_claims(size):
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, size
    return member.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a tar" * 100, header_that_claims(2**40), header_that_claims(2**20 + 1)],
)
def test_what_is_no_tar_ends_in_words(tmp_path, content):
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.tar: "):
        open_source(path)


def test_a_tar_that_is_cut_off_ends_in_words(tmp_path):
    path = tar_of(tmp_path / "x.tar", {f"{i}.png": png for i, png in enumerate(PNGS)})
    whole = path.read_bytes()
    for end in (len(PNGS[0]) // 2, 3000, 2000):
        path.write_bytes(whole[: 512 + end])
        with pytest.raises(DataError, match="cut off"):
            open_source(path)


def test_a_damaged_header_in_a_tar_does_not_end_it_silently(tmp_path):
    path = tar_of(tmp_path / "x.tar", {f"{i}.png": png for i, png in enumerate(PNGS)})
    content = bytearray(path.read_bytes())
    second = 512 + -(-len(PNGS[0]) // 512) * 512
    content[second : second + 20] = b"x" * 20
    path.write_bytes(content)
    with pytest.raises(DataError, match="no header at byte"):
        open_source(path)


def test_an_lmdb_damaged_anywhere_ends_in_words(tmp_path):
    path = lsun(tmp_path / "made") / "data.mdb"
    whole = path.read_bytes()
    random = np.random.RandomState(0)
    for _ in range(60):
        content = bytearray(whole[: random.randint(200, len(whole))])
        for place in random.randint(0, len(content), 40):
            content[place] = random.randint(256)
        content[16:24] = whole[16:24]
        path.write_bytes(content)
        try:
            with closing(open_source(path)) as source:
                for entry in source.entries():
                    assert len(source.content(entry)) < len(content)
        except (DataError, UnusableImageError):
            continue


def test_a_damaged_parquet_ends_in_words(tmp_path):
    path = table(tmp_path / "x.parquet", {"image": [{"bytes": png} for png in PNGS]})
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-50], whole[:400]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not readable parquet"):
            open_source(path)
    path.write_bytes(whole[:50] + bytes(len(whole) - 500) + whole[-450:])
    with pytest.raises(DataError, match=r"x\.parquet"):
        open_dataset(path, resolution=16)


def test_a_table_without_images_says_what_it_holds(tmp_path):
    with pytest.raises(DataError, match=r"no column of images; there are a \(int64\)"):
        open_source(table(tmp_path / "x.parquet", {"a": [1]}))


def test_columns_of_numbers_are_labels_or_attributes(tmp_path):
    columns = {"jpg": PNGS[:3], "label": [0.25, 0.5, 1.0], "n": [1, 2, 3], "emb": [[1.0]] * 3}
    with closing(open_source(table(tmp_path / "x.parquet", columns))) as source:
        entries = list(source.entries())
    assert [entry.label for entry in entries] == [(0.25,), (0.5,), (1.0,)]
    assert entries[2].attributes == {"n": "3"}


@pytest.mark.parametrize("make", [hugging_face, web_dataset])
def test_columns_of_a_form_become_a_label_of_numbers(make, tmp_path):
    with closing(open_source(make(tmp_path / "made"))) as source:
        source = numbered(source, ["size"])
        assert source.label_names == ("size",)
        labels = [entry.label for entry in source.entries()]
    assert labels[:4] == [(0.0,), (0.5,), (1.0,), (1.5,)]


def test_rows_are_read_in_any_order(tmp_path):
    columns = {"image": [{"bytes": PNGS[i % 8], "path": None} for i in range(100)]}
    path = table(tmp_path / "x.parquet", columns, row_group_size=40)
    with closing(open_source(path)) as source:
        entries = list(source.entries())
        for place in np.random.RandomState(0).permutation(100):
            assert source.content(entries[place]) == PNGS[place % 8]


def test_a_missing_package_is_named_with_its_command(tmp_path, monkeypatch):
    path = table(tmp_path / "x.parquet", {"image": [{"bytes": PNGS[0]}]})
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"needs the package pyarrow; pip install '\.\[data\]'"):
        open_source(path)


def test_an_image_that_many_rows_share_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("stylegan_cli.data.parquet._GROUP_BYTES", 2**21)
    path = table(tmp_path / "x.parquet", {"image": [PNGS[0].ljust(2**16)] * 99})
    assert path.stat().st_size < 4096
    with closing(open_source(path)) as source, pytest.raises(UnusableImageError, match="far more"):
        image_of(source, next(source.entries()))


def test_a_text_that_many_rows_share_does_not_fill_the_memory(tmp_path):
    columns = {"image": [PNGS[0]] * 300, "caption": ["long" * 2**14] * 300}
    path = table(tmp_path / "x.parquet", columns)
    with pytest.raises(DataError, match="unpacks to far more than it holds"):
        open_source(path)


def test_images_of_a_form_have_bounded_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr("stylegan_cli.data.packed.MAX_FILE_BYTES", 100)
    path = tar_of(tmp_path / "x.tar", {"a.png": PNGS[0]})
    with closing(open_source(path)) as source:
        assert next(source.entries()).problem == "larger than 0 MiB"
