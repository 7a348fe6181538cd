"""Situations reported by users of other tools: no label, class or picture is lost in silence."""

import json
import unicodedata
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.commands import sgtool
from tests.data.pictures import blocks, encoded, folder_of
from tests.data.test_tfrecords import PIXELS, write

RESOLUTION = ("--resolution", "16")
PETS = {f"{kind}/{n}.png": blocks(n, 16, 16) for n, kind in enumerate(("cat", "cat", "dog", "dog"))}
FLAT = {f"{n}.png": blocks(n, 16, 16) for n in range(4)}


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Prepares a folder `d` of some files and returns the result and the data set's labels."""
    monkeypatch.chdir(tmp_path)

    def prepare(files, *words, source="d"):
        folder_of(tmp_path / "d", files)
        done = sgtool("data", "prepare", source, "-o", "o.zip", *RESOLUTION, *words)
        if done.exit_code:
            assert not (tmp_path / "o.zip").exists() and done.stdout == ""
            return done, None
        with zipfile.ZipFile("o.zip") as file:
            content = json.loads(file.read("dataset.json"))
        labels = content["labels"] and [
            content["classes"][label] if content["classes"] else label
            for _, label in content["labels"]
        ]
        return done, labels

    return prepare


def dataset_json(labels, **more):
    return {"dataset.json": json.dumps({"labels": labels, **more}).encode()}


def test_missing_labels_are_refused_and_the_advice_works(prepared):
    files = {**FLAT, **dataset_json([[f"{n}.png", n % 2] for n in range(3)])}
    done, _ = prepared(files)
    assert done.exit_code == 1
    for words in ("1 of 4 images", "d/3.png", "--labelled-only", "--no-classes"):
        assert words in done.stderr
    done, labels = prepared(files, "--labelled-only")
    assert labels == ["0", "1", "0"]
    assert done.stderr.count("d/3.png") == 1 and "d/3.png: no label" in done.stderr
    done, labels = prepared(files, "--no-classes", "--overwrite")
    assert (done.exit_code, labels) == (0, None)


def test_backslashes_are_slashes(prepared):
    rows = [[name.replace("/", "\\"), n // 2] for n, name in enumerate(sorted(PETS))]
    done, labels = prepared({**PETS, **dataset_json(rows)})
    assert labels == ["0", "0", "1", "1"]
    assert "classes: 2 (0 2, 1 2)" in done.stderr


def test_an_image_named_twice_is_refused_by_name(prepared):
    rows = [[f"{n}.png", n % 2] for n in range(4)]
    done, _ = prepared({**FLAT, **dataset_json([*rows, ["0.png", 1]])})
    assert done.exit_code == 1
    assert "0.png is named twice, with the labels 0 and 1" in done.stderr
    assert "list of numbers" in done.stderr
    assert prepared({**FLAT, **dataset_json([*rows, ["0.png", 0]])})[1] == ["0", "1", "0", "1"]


def test_labels_as_an_object_and_as_words_are_read(prepared):
    files = {**FLAT, **dataset_json({f"{n}.png": n % 2 for n in range(4)})}
    assert prepared(files)[1] == ["0", "1", "0", "1"]
    words = dataset_json([[f"{n}.png", ("cat", "dog")[n % 2]] for n in range(4)])
    done, labels = prepared({**FLAT, **words}, "--overwrite")
    assert labels == ["cat", "dog", "cat", "dog"]
    assert "classes: 2 (cat 2, dog 2)" in done.stderr


def test_a_loose_picture_is_named_before_classes_are_lost(prepared):
    done, _ = prepared({**PETS, "cover.png": blocks(9, 16, 16)})
    assert done.exit_code == 1
    assert "lie in no sub-folder, such as d/cover.png" in done.stderr
    done, labels = prepared({}, "--labelled-only")
    assert labels == ["cat", "cat", "dog", "dog"] and "d/cover.png" in done.stderr


def test_parts_of_a_divided_set_are_noticed_and_the_advice_works(prepared):
    files = {f"{part}/{name}": image for part in ("train", "val") for name, image in PETS.items()}
    done, labels = prepared(files)
    assert labels == ["train"] * 4 + ["val"] * 4
    assert "classes: 2 (train 4, val 4)" in done.stderr
    assert "(cat, dog)" in done.stderr and "d/train d/val" in done.stderr
    again = sgtool("data", "prepare", "d/train", "d/val", "-o", "p.zip", *RESOLUTION)
    assert "classes: 2 (cat 4, dog 4)" in again.stderr


def test_avif_is_read_and_heic_named(prepared):
    avif = encoded(blocks(0, 16, 16), "avif")
    done, _ = prepared({"a.avif": avif, "b.png": avif, "c.HEIC": b"x", "d.jpg": b"ftyp"})
    assert "images: 2 of 16×16" in done.stderr
    assert "left out: d/c.HEIC: HEIC is not read here; save it as PNG or JPEG" in done.stderr
    assert "left out: d/d.jpg: not an image" in done.stderr


def test_twelve_bits_in_sixteen_are_noticed_and_the_advice_works(prepared):
    deep = np.random.default_rng(0).integers(0, 4096, (2, 16, 16)).astype(np.uint16)
    files = {f"{n}.png": Image.fromarray(pixels) for n, pixels in enumerate(deep)}
    done, _ = prepared(files, "--channels", 1)
    assert f"values {deep.min()} to {deep.max()} of 0 to 65535" in done.stderr
    assert "--levels 0,4095" in done.stderr
    done, _ = prepared(files, "--channels", 1, "--levels", "0,4095", "--overwrite")
    assert "warning" not in done.stderr
    with zipfile.ZipFile("o.zip") as file, file.open("00000/img00000000.png") as stored:
        seen = np.asarray(Image.open(stored)).astype(int)
    np.testing.assert_allclose(seen, deep[0].astype(float) * 255 / 4095, atol=0.6)


def test_floating_point_pixels_are_read_with_their_levels(prepared):
    ramp = np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16)
    done, _ = prepared({"a.tif": Image.fromarray(ramp)})
    assert done.exit_code == 1 and "--levels" in done.stderr
    done, _ = prepared({}, "--levels", "-1,1")
    assert done.exit_code == 0


@pytest.mark.parametrize("levels", ["5", "4095,0", "a,b", "0,inf", "nan,1"])
def test_wrong_levels_are_a_wrong_call(prepared, levels):
    done, _ = prepared(FLAT, "--levels", levels)
    assert done.exit_code == 2 and "--levels" in done.stderr


def test_pictures_beyond_a_hundred_megapixels_are_read(prepared):
    scan = encoded(Image.new("1", (12_000, 9_000), 1), "png")
    done, _ = prepared({"scan.png": scan})
    assert "images: 1 of 16×16" in done.stderr and "left out" not in done.stderr


def test_tfrecords_are_read_without_tensorflow(prepared, tmp_path):
    folder_of(tmp_path / "d", {"notes.txt": b""})
    write(tmp_path / "d" / "x-r04.tfrecords", PIXELS, crc=False)
    done, _ = prepared({})
    assert "images: 3 of 16×16" in done.stderr


# further members of the kind, found here


def test_letters_of_another_normal_form_are_the_same(prepared):
    names = [unicodedata.normalize("NFD", f"é{n}.png") for n in range(2)]
    rows = [[unicodedata.normalize("NFC", name), n] for n, name in enumerate(names)]
    files = {name: blocks(0, 16, 16) for name in names}
    assert prepared({**files, **dataset_json(rows)})[1] == ["0", "1"]


def test_absolute_names_of_another_machine_are_taken_with_a_word(prepared):
    rows = [[f"/home/ann/pets/{name}", n // 2] for n, name in enumerate(sorted(PETS))]
    done, labels = prepared({**PETS, **dataset_json(rows)})
    assert labels == ["0", "0", "1", "1"]
    assert "names matched by their last" in done.stderr


def test_names_of_the_pictures_before_they_were_converted_are_taken_with_a_word(prepared):
    done, labels = prepared({**FLAT, **dataset_json([[f"{n}.jpg", n % 2] for n in range(4)])})
    assert labels == ["0", "1", "0", "1"]
    assert "without their suffixes, so 0.jpg is taken for 0.png" in done.stderr


def test_labels_of_other_pictures_are_refused_with_an_example_of_each(prepared):
    files = {**PETS, **dataset_json([["x/7.png", 0], ["x/8.png", 1]])}
    done, _ = prepared(files)
    assert done.exit_code == 1 and "none of its 2 names matches an image here" in done.stderr
    assert "x/7.png" in done.stderr and "cat/0.png" in done.stderr
    assert prepared({}, "--no-classes")[0].exit_code == 0


def test_null_labels_leave_the_classes_of_sub_folders(prepared):
    assert prepared({**PETS, **dataset_json(None)})[1] == ["cat", "cat", "dog", "dog"]


def test_a_null_among_labels_is_a_missing_label(prepared):
    rows = [[f"{n}.png", None if n == 2 else 0] for n in range(4)]
    done, _ = prepared({**FLAT, **dataset_json(rows)})
    assert done.exit_code == 1 and "d/2.png" in done.stderr


def test_a_byte_order_mark_is_no_part_of_the_file(prepared):
    [(name, content)] = dataset_json([[f"{n}.png", n % 2] for n in range(4)]).items()
    assert prepared({**FLAT, name: b"\xef\xbb\xbf" + content})[1] == ["0", "1", "0", "1"]


def test_gaps_in_class_numbers_are_said(prepared):
    done, _ = prepared({**FLAT, **dataset_json([[f"{n}.png", 3 * n] for n in range(4)])})
    assert "classes: 10 (0 1, 1 0, 2 0, 3 1" in done.stderr
    assert "classes without an image keep their numbers: 1, 2, 4, 5, 7, 8" in done.stderr


def test_a_class_of_damaged_pictures_only_is_named(prepared):
    done, labels = prepared({**PETS, "emu/1.png": b"text", "emu/2.png": b""})
    assert labels == ["cat", "cat", "dog", "dog"]
    assert "classes without a usable image are gone: emu" in done.stderr


def test_an_empty_sub_folder_is_no_class_and_named(prepared, tmp_path):
    (tmp_path / "d" / "emu").mkdir(parents=True)
    done, labels = prepared(PETS)
    assert labels == ["cat", "cat", "dog", "dog"]
    assert "without an image, so no classes: emu" in done.stderr


def test_classes_that_differ_in_case_are_said(prepared):
    done, _ = prepared({**PETS, "Cat/9.png": blocks(9, 16, 16)})
    assert "the classes 'Cat' and 'cat' differ only in case, blanks or" in done.stderr


def test_classes_that_differ_in_unicode_form_are_said(prepared):
    forms = {f"{name}/{n}.png": blocks(n, 16, 16) for n, name in enumerate(("\xe4", "a\u0308"))}
    assert (
        "differ only in case, blanks or Unicode form, and count as 2" in prepared(forms)[0].stderr
    )


def test_numbered_storage_folders_are_noticed(prepared):
    files = {f"{n // 2 * 1000:05}/{n:05}.png": blocks(n, 16, 16) for n in range(5)}
    done, labels = prepared(files)
    assert labels[0] == "00000" and "numbered folders of 2 images each" in done.stderr
    assert prepared({}, "--no-classes", "--overwrite")[1] is None


def test_attributes_of_another_number_of_images_are_left_out_with_a_word(prepared):
    hair = {"hair": {"values": ["red", "blue"], "index": [0, 1, 0, 1, 1]}}
    done, _ = prepared({**FLAT, **dataset_json(None, attributes=hair)})
    assert "attributes are those of 5 images, and 4 are here" in done.stderr


def test_a_picture_without_a_suffix_is_read(prepared):
    done, _ = prepared({**FLAT, "scan": encoded(blocks(5, 16, 16))})
    assert "images: 5 of 16×16" in done.stderr


def test_further_frames_are_said(prepared):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    gif = encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    done, _ = prepared({**FLAT, "a.gif": gif})
    assert "1 image has several frames or pages, such as d/a.gif" in done.stderr


def test_a_list_made_on_windows_is_read(prepared, tmp_path):
    folder_of(tmp_path / "d", PETS)
    (tmp_path / "list.txt").write_bytes('\ufeffd\\cat\\0.png\r\n"d\\dog\\2.png"\r\n'.encode())
    done, _ = prepared({}, source="list.txt")
    assert "images: 2 of 16×16" in done.stderr


def test_labelled_and_bare_sources_do_not_mix_in_silence(prepared, tmp_path):
    folder_of(tmp_path / "more", FLAT)
    folder_of(tmp_path / "d", PETS)
    done = sgtool("data", "prepare", "d", "more", "-o", "o.zip", *RESOLUTION)
    assert done.exit_code == 1 and "4 of 8 images have no label" in done.stderr


def test_labels_beside_sub_folders_replace_them(prepared, tmp_path):
    rows = "".join(f"{name},{'wild' if 'cat' in name else 'tame'}\n" for name in PETS)
    (tmp_path / "labels.csv").write_text(rows)
    done, labels = prepared(PETS, "--labels", "labels.csv")
    assert labels == ["wild", "wild", "tame", "tame"]
    assert "classes: 2 (tame 2, wild 2)" in done.stderr


def test_the_account_is_there_for_scripts(prepared):
    prepared({**PETS, "a.heic": b"", "notes.txt": b""})
    done = sgtool("data", "prepare", "d", "-o", "o.zip", *RESOLUTION, "--json")
    found = json.loads(done.stdout)["account"]
    assert found["taken"] == 4 and found["classes"] == {"cat": 2, "dog": 2}
    [(reason, group)] = found["left_out"].items()
    assert reason.startswith("HEIC") and group == {"count": 1, "example": "d/a.heic"}
    assert found["passed"] == {"not images (.txt)": {"count": 1, "example": "notes.txt"}}


def test_nothing_usable_names_what_is_there(prepared):
    done, _ = prepared({"a.txt": b"", "b.zip": b"PK", "c.h5": b""})
    assert done.exit_code == 1
    assert "no usable image" in done.stderr and "not images (.txt), such as a.txt" in done.stderr
    for name in ("b.zip", "c.h5"):
        assert f"to be given by their paths, such as {name}" in done.stderr


def h5_of(path, pixels):
    with h5py.File(path, "w") as file:
        file["images"] = pixels
    return path


def test_a_changed_hdf5_source_is_not_the_same_request(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    words = ("data", "prepare", tmp_path / "d.h5", "-o", tmp_path / "o.zip", *RESOLUTION)
    h5_of(tmp_path / "d.h5", pixels)
    assert [sgtool(*words).exit_code for _ in range(2)] == [0, 0]
    h5_of(tmp_path / "d.h5", 255 - pixels)
    again = sgtool(*words)
    assert again.exit_code == 1 and "--overwrite" in again.stderr


@pytest.mark.parametrize("command", ["inspect", "prepare"])
def test_hostile_hdf5_ends_in_words(tmp_path, command):
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"SECRET" * 200)
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("images", (1, 16, 16, 3), np.uint8, external=[(str(secret), 0, 768)])
    with h5py.File(tmp_path / "endless.h5", "w") as file:
        file.create_dataset("images", (2**40, 8, 8, 3), np.uint8, chunks=(1, 8, 8, 3))
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["images"] = h5py.Empty("u1")
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file.create_dataset("images", (2**40, 0, 0, 3), np.uint8)
    expected = {"external": "another file", "endless": "only", "none": "without", "flat": "needed"}
    for name, words in expected.items():
        options = ("-o", tmp_path / "o.zip", *RESOLUTION) if command == "prepare" else ()
        done = sgtool("data", command, tmp_path / f"{name}.h5", *options)
        assert done.exit_code == 1 and words in done.stderr and done.stdout == ""


def test_jpeg_copies_against_png_are_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGTOOL_CACHE", str(tmp_path / "cache"))
    images = [blocks(n, 32, 32) for n in range(8)]
    folder_of(tmp_path / "a", {f"{n}.png": image for n, image in enumerate(images)})
    copies = {f"{n}.jpg": encoded(image, "jpeg") for n, image in enumerate(images)}
    folder_of(tmp_path / "b", {**copies, "odd.heic": b""})
    done = sgtool("eval", "fid", "--images", "b", "--data", "a", "-o", "r", "--quiet")
    assert done.exit_code == 0
    assert "JPEG files: 8 of 8 in b, 0 of 8 in a" in done.stderr
    assert "left out: 1, such as b/odd.heic: HEIC is not read here" in done.stderr


def test_labels_at_the_top_of_the_json_file_are_labels(prepared):
    top = {"version": 2, **{f"{n}.png": ["cat", "dog"][n % 2] for n in range(4)}}
    done, labels = prepared({**FLAT, "dataset.json": json.dumps(top).encode()})
    assert (done.exit_code, labels) == (0, ["cat", "dog", "cat", "dog"])


def test_sub_folders_of_the_only_class_are_named(prepared):
    done, labels = prepared({f"all/{name}": picture for name, picture in PETS.items()})
    assert labels == ["all"] * 4
    assert (
        "one class; if its sub-folders (cat, dog) are the classes, give all itself" in done.stderr
    )
    done, _ = prepared({}, "--overwrite", source="d/all")
    assert "classes: 2" in done.stderr and "one class" not in done.stderr


def test_runs_and_studies_beside_the_images_are_not_learned_from(prepared, tmp_path):
    run = {"runs/a/recipe.toml": b"", "runs/a/reals.png": FLAT["0.png"]}
    study = {"g/grid.png": FLAT["0.png"], "g/images/seed-0.png": FLAT["0.png"]}
    folder_of(tmp_path / "d", study)
    with h5py.File(tmp_path / "d/g/grid.h5", "w") as file:
        file.attrs["study"] = "grid"
    done, labels = prepared({**FLAT, **run})
    assert (done.exit_code, labels) == (0, None)
    assert "images: 4 of 16" in done.stderr
    assert "passed over: 2 files, such as g/: a run or study of sgtool" in done.stderr


def test_of_the_folder_of_a_study_the_images_it_drew_are_read(prepared, tmp_path):
    study = {"grid.png": FLAT["0.png"], **{f"images/{name}": FLAT[name] for name in FLAT}}
    folder_of(tmp_path / "d", study)
    with h5py.File(tmp_path / "d/grid.h5", "w") as file:
        file.attrs["study"] = "grid"
    done, labels = prepared({})
    assert (done.exit_code, labels) == (0, None)
    assert "images: 4 of 16×16; no classes" in done.stderr


def test_of_the_folder_of_a_run_there_are_no_images_to_read(prepared):
    done, _ = prepared({"recipe.toml": b"", "reals.png": FLAT["0.png"]})
    assert done.exit_code == 1
    assert "d: the folder of a run, whose pictures are sheets" in done.stderr
    assert "--network d" in done.stderr


def test_users_folders_of_such_names_are_read(prepared):
    pictures = dict.fromkeys(("birds/images/0.png", "birds/1.png"), FLAT["0.png"])
    done, _ = prepared({**pictures, "birds/recipe.toml": b"", "birds/features.h5": b""})
    assert "images: 2 of 16" in done.stderr
