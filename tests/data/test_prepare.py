import json
import zipfile
from contextlib import closing
from itertools import islice

import h5py
import numpy as np
import pytest
from PIL import Image

from stylegan_cli.data.dataset import open_dataset
from stylegan_cli.data.labels import label_table
from stylegan_cli.data.pictures import Target
from stylegan_cli.data.prepare import Preparation, first_usual_resolution, prepare
from stylegan_cli.data.relabelled import labelled
from stylegan_cli.data.sources import open_source, open_sources
from stylegan_cli.errors import DataError, OutputError, UsageError
from tests.data.pictures import blocks, encoded, folder_of, zip_of


def prepared(sources, destination, resolution=8, **options):
    """Prepare and return every step."""
    target = Target(
        resolution=resolution, **{key: options.pop(key) for key in ("channels",) if key in options}
    )
    request = Preparation(destination=destination, target=target, **options)
    with open_sources(sources) as opened:
        return list(prepare(opened, request))


@pytest.fixture
def pets(tmp_path):
    files = {f"{'cat' if n % 3 else 'dog'}/{n:02}.png": blocks(n, 16, 16) for n in range(10)}
    return folder_of(tmp_path / "pets", files)


def test_zip_has_the_fields_layout(pets, tmp_path):
    prepared([pets], tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        infos = file.infolist()
        content = json.loads(file.read("dataset.json"))
    expected = [f"00000/img{n:08d}.png" for n in range(10)]
    assert [info.filename for info in infos] == [*expected, "dataset.json"]
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert content["labels"] == [[name, int(n >= 6)] for n, name in enumerate(expected)]
    assert content["classes"] == ["cat", "dog"]


def test_hdf5_has_one_chunk_an_image(pets, tmp_path):
    prepared([pets], tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["images"].shape == (10, 8, 8, 3)
        assert file["images"].chunks == (1, 8, 8, 3)
        assert file["labels"][()].tolist() == [0] * 6 + [1] * 4
        assert json.loads(file.attrs["prepared"])["filter"] == "lanczos"


@pytest.mark.parametrize("suffix", [".zip", ".h5"])
@pytest.mark.parametrize("title", ["w/h", ".", "", "a\0b", "\ud800", "%w%2Fh"])
def test_attributes_may_have_any_title(pets, tmp_path, title, suffix):
    names = [entry.name for entry in open_source(pets).entries()]
    lines = (json.dumps({"file_name": name, title: "wide"}) for name in names)
    (pets / "metadata.jsonl").write_text("\n".join(lines))
    prepared([pets], tmp_path / f"x{suffix}")
    with closing(open_source(tmp_path / f"x{suffix}")) as made:
        assert next(made.entries()).attributes == {title: "wide"}


def test_notes_of_another_program_are_not_ours(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = np.zeros((2, 8, 8, 3), np.uint8)
        file.attrs["prepared"] = "[1]"
    assert len(open_dataset(tmp_path / "x.h5", resolution=8)) == 2


def test_how_it_was_prepared_is_recorded(pets, tmp_path):
    prepared([pets], tmp_path / "x.zip")
    prepared([tmp_path / "x.zip"], tmp_path / "y.zip")
    with open_sources([tmp_path / "y.zip"]) as [source]:
        how = source.prepared
    assert (how["fit"], how["filter"], how["background"]) == ("crop", "lanczos", "white")
    assert how["images"] == 10
    assert how["sources"][0]["prepared"]["sources"] == [{"name": "pets", "prepared": {}}]


@pytest.mark.parametrize("suffix", [".zip", ".h5"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_reading_back_gives_what_a_plain_folder_gives(pets, tmp_path, suffix, channels):
    path = tmp_path / f"x{suffix}"
    prepared([pets], path, channels=channels)
    options = {"resolution": 8, "channels": channels, "labels": True}
    with (
        closing(open_dataset(path, **options)) as made,
        closing(open_dataset(pets, **options)) as plain,
    ):
        assert len(made) == len(plain) == 10
        assert made.classes == plain.classes == ("cat", "dog")
        for index in range(10):
            for seen, expected in zip(made.read(index), plain.read(index), strict=True):
                np.testing.assert_array_equal(seen, expected)


def test_preparing_again_changes_nothing(pets, tmp_path):
    prepared([pets], tmp_path / "a.zip")
    for name in ("b.h5", "c.zip"):
        prepared([tmp_path / "a.zip"], tmp_path / name)
    for name in ("b.h5", "c.zip"):
        with (
            closing(open_dataset(tmp_path / "a.zip", resolution=8, labels=True)) as first,
            closing(open_dataset(tmp_path / name, resolution=8, labels=True)) as again,
        ):
            assert again.classes == first.classes
            for index in range(10):
                for seen, expected in zip(again.read(index), first.read(index), strict=True):
                    np.testing.assert_array_equal(seen, expected)


def test_the_file_is_the_same_for_any_number_of_workers(pets, tmp_path):
    for workers in (1, 2, 7):
        prepared([pets], tmp_path / f"{workers}.zip", workers=workers)
    [content] = {(tmp_path / f"{workers}.zip").read_bytes() for workers in (1, 2, 7)}
    assert content


def test_sources_follow_each_other_in_the_order_given(pets, tmp_path):
    other = folder_of(tmp_path / "other", {"a.png": Image.new("RGB", (8, 8), "red")})
    prepared([pets, other], tmp_path / "x.zip", classes=False)
    with closing(open_dataset(tmp_path / "x.zip", resolution=8)) as dataset:
        assert (dataset.read(10)[0] == [255, 0, 0]).all()


def test_broken_images_leave_a_gap_and_a_reason(tmp_path):
    good = encoded(blocks(0, 64, 64))
    files = {
        "1.png": good,
        "2.png": good[: len(good) // 2],
        "3.png": b"",
        "4.png": b"text",
        "5.png": good,
    }
    steps = prepared([zip_of(tmp_path / "s.zip", files)], tmp_path / "x.zip")
    assert [step.problem is None for step in steps] == [True, False, False, False, True]
    assert steps[1].name.endswith("s.zip/2.png") and "damaged" in steps[1].problem
    with closing(open_source(tmp_path / "x.zip")) as made:
        assert (made.prepared["images"], made.prepared["skipped"]) == (2, 3)
    with zipfile.ZipFile(tmp_path / "x.zip") as file:
        assert file.namelist()[:2] == ["00000/img00000000.png", "00000/img00000004.png"]


def test_enlarged_images_are_counted(tmp_path):
    folder = folder_of(tmp_path / "f", {"a.png": blocks(0, 1, 1), "b.png": blocks(0, 16, 16)})
    prepared([folder], tmp_path / "x.zip")
    with closing(open_source(tmp_path / "x.zip")) as made:
        assert made.prepared["enlarged"] == 1


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path):
    for files in ({}, {"a.png": b"", "b.jpg": b"text"}):
        folder = folder_of(tmp_path / f"f{len(files)}", files)
        folder.mkdir(exist_ok=True)
        with pytest.raises(DataError, match="no usable image"):
            prepared([folder], tmp_path / "out" / "x.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_usable_image_the_first_says_why(tmp_path):
    folder = folder_of(tmp_path / "f", {"a.svg": b"<svg/>", "b.png": b""})
    with pytest.raises(DataError, match=r"no usable image; .*a\.svg: SVG is not read"):
        prepared([folder], tmp_path / "x.zip")
    with open_sources([folder]) as sources, pytest.raises(DataError, match="SVG is not read"):
        first_usual_resolution(sources)


def test_labels_that_fit_no_image_are_refused_be_they_classes_or_numbers(pets, tmp_path):
    for label in ("a", [0.5]):
        with open_sources([pets]) as [source]:
            other = labelled(source, label_table([("x.png", label)], "labels.json"))
            request = Preparation(destination=tmp_path / "x.zip", target=Target(resolution=8))
            with pytest.raises(DataError, match="none of its 1 names matches an image"):
                list(prepare([other], request))


@pytest.mark.parametrize("suffix", [".zip", ".h5"])
def test_an_abandoned_preparation_leaves_nothing(pets, tmp_path, suffix):
    out = tmp_path / "out"
    request = Preparation(destination=out / f"x{suffix}", target=Target(resolution=8))
    with open_sources([pets]) as sources:
        steps = prepare(sources, request)
        assert len(list(islice(steps, 3))) == 3
        steps.close()
    assert list(out.iterdir()) == []


def test_a_taken_destination_is_refused_unless_overwritten(pets, tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="`overwrite`"):
        prepared([pets], path)
    assert path.read_bytes() == b"mine"
    prepared([pets], path, overwrite=True)
    assert zipfile.is_zipfile(path)


def test_another_suffix_is_refused(pets, tmp_path):
    with pytest.raises(UsageError, match=r"\.zip or \.h5"):
        prepared([pets], tmp_path / "x.tar")


@pytest.mark.parametrize("name", ["x.zip", "x.h5"])
def test_a_place_that_cannot_be_written_is_told_in_words(pets, tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file: a file, where a folder is needed"):
        prepared([pets], tmp_path / "file" / name)


def test_classes_can_be_dropped_or_demanded(pets, tmp_path):
    prepared([pets], tmp_path / "without.zip", classes=False)
    with pytest.raises(DataError, match="labels are wanted"):
        open_dataset(tmp_path / "without.zip", resolution=8, labels=True)
    prepared([pets], tmp_path / "with.zip", classes=True)
    folder_of(pets, {"stray.png": blocks(0, 8, 8)})
    with pytest.raises(DataError, match=r"stray\.png: in no sub-folder"):
        prepared([pets], tmp_path / "stray.zip", classes=True)


def test_usual_resolution_is_that_of_the_first_usable_image(tmp_path):
    files = {"a.png": b"text", "b.png": blocks(0, 40, 90), "c.png": blocks(0, 256, 256)}
    with open_sources([folder_of(tmp_path / "f", files)]) as sources:
        assert first_usual_resolution(sources) == 32
    (tmp_path / "empty").mkdir()
    with open_sources([tmp_path / "empty"]) as sources, pytest.raises(DataError):
        first_usual_resolution(sources)
