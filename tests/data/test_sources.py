import gc
import os
import struct
import zipfile
from contextlib import closing

import h5py
import numpy as np
import pytest

from stylegan_cli.data.decoding import reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.sources import content_sha256, open_source, open_sources
from stylegan_cli.errors import DataError
from tests.data.packed_forms import table
from tests.data.pictures import blocks, encoded, folder_of, image_of, zip_of

PNG = encoded(blocks(0, 8, 8))


def names(path):
    with closing(open_source(path)) as source:
        return [entry.name for entry in source.entries()]


def problems(path):
    """Name → reason for every entry that cannot be opened."""
    found = {}
    with closing(open_source(path)) as source:
        for entry in source.entries():
            try:
                with reasons():
                    image_of(source, entry)
            except UnusableImageError as error:
                found[entry.name] = str(error)
    return found


TREE = ("b.png", "a/2.png", "a/1.PNG", "a-b/x.png", "a.png", "B/x.jpeg", "a/deep/er/z.png")


def test_folder_and_zip_order_is_the_sorted_path(tmp_path):
    files = dict.fromkeys(TREE, PNG)
    assert names(folder_of(tmp_path / "folder", files)) == sorted(TREE)
    assert names(zip_of(tmp_path / "x.zip", files)) == sorted(TREE)


def test_other_files_are_ignored_but_counted(tmp_path):
    files = {"a.png": PNG, "notes.txt": b"", ".DS_Store": b"", "__MACOSX/._a.png": PNG}
    for path in (folder_of(tmp_path / "f", files), zip_of(tmp_path / "x.zip", files)):
        with closing(open_source(path)) as source:
            tally = source.tally()
        assert names(path) == ["a.png"]
        assert (tally.images, tally.ignored) == (1, 3)


def test_first_sub_folder_is_the_class(tmp_path):
    files = {"a.png": PNG, "cat/1.png": PNG, "dog/young/2.png": PNG}
    for path in (folder_of(tmp_path / "f", files), zip_of(tmp_path / "x.zip", files)):
        with closing(open_source(path)) as source:
            assert [entry.label for entry in source.entries()] == [None, "cat", "dog"]


def test_a_zipped_folder_is_seen_through(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"pets/cat/1.png": PNG, "pets/dog/2.png": PNG})
    with closing(open_source(path)) as source:
        assert [entry.label for entry in source.entries()] == ["cat", "dog"]


def test_a_link_back_up_is_not_followed(tmp_path):
    folder_of(tmp_path, {"sub/a.png": PNG})
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert names(tmp_path) == ["sub/a.png", "sub/up/"]
    assert problems(tmp_path) == {"sub/up/": "a link back to a folder above it"}


def test_a_link_to_itself_leaves_the_other_images(tmp_path):
    folder_of(tmp_path, {"a.png": PNG})
    (tmp_path / "self").symlink_to("self")
    assert names(tmp_path) == ["a.png"]


def test_content_has_a_hash_where_some_images_cannot_be_read(tmp_path):
    folder_of(tmp_path, {"sub/a.png": PNG})
    whole = content_sha256(tmp_path)
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert content_sha256(tmp_path) != whole


def test_what_is_no_readable_file_has_a_reason(tmp_path):
    (tmp_path / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    folder_of(tmp_path, {"zero.png": b"", "text.png": b"text"})
    assert problems(tmp_path) == {
        "gone.png": "cannot be read: No such file or directory",
        "pipe.png": "not a regular file",
        "text.png": "not an image in a format that is read",
        "zero.png": "empty file",
    }


def test_unsafe_zip_names_are_refused(tmp_path):
    unsafe = ("../up.png", "/etc/abs.png", "C:\\win.png", "a/..\\..\\b.png")
    path = zip_of(tmp_path / "x.zip", {"ok.png": PNG, **dict.fromkeys(unsafe, PNG)})
    found = problems(path)
    assert len(found) == 4
    assert set(found.values()) == {"its name leads outside the zip file"}


def test_zip_bombs_are_refused_unopened(tmp_path):
    files = {"bomb.png": bytes(17 << 20), "ok.png": PNG}
    path = zip_of(tmp_path / "x.zip", files, zipfile.ZIP_DEFLATED)
    assert "would unpack to 17825792 bytes" in problems(path)["bomb.png"]


def test_a_zip_that_lies_about_a_size_is_read_no_further(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"bomb.png": bytes(17 << 20)}, zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 17 << 20), struct.pack("<I", 99)))
    assert "Bad CRC" in problems(path)["bomb.png"]


def test_unbounded_compression_is_refused(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"a.png": PNG}, zipfile.ZIP_BZIP2)
    assert "other than deflate" in problems(path)["a.png"]


def test_encrypted_entries_are_told_as_such(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"a.png": PNG})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in problems(path)["a.png"]


def test_a_name_in_a_zip_that_is_no_text_is_damage_of_its_image(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"ä.png": PNG, "ö": PNG})
    content = path.read_bytes()
    for name in ("ä.png", "ö"):
        # the name before the image; the directory at the end keeps the right one
        content = content.replace(name.encode(), b"\xff" + name.encode()[1:], 1)
    path.write_bytes(content)
    assert "damaged zip entry" in problems(path)["ä.png"]


def test_a_flipped_byte_in_a_zip_is_noticed(tmp_path):
    path = zip_of(tmp_path / "x.zip", {"a.png": PNG, "b.png": PNG})
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)
    assert list(problems(path)) == ["a.png"]


def test_hdf5_rows_are_images(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 6, 3), np.uint8)
    for number, array in enumerate((pixels, pixels[..., 0], pixels[..., :1])):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            file["images"] = array
        with closing(open_source(path)) as source:
            for row, entry in enumerate(source.entries()):
                np.testing.assert_array_equal(
                    np.asarray(image_of(source, entry)).reshape(array[row].shape), array[row]
                )


def test_hdf5_labels_come_along(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = np.zeros((2, 8, 8), np.uint8)
        file["labels"] = np.array([2, 0])
    with closing(open_source(tmp_path / "x.h5")) as source:
        assert source.classes == ("0", "1", "2")
        assert [entry.label for entry in source.entries()] == ["2", "0"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"X": np.zeros(3)}, r"no dataset images; found \['X'\]; link yours"),
        ({"images": np.zeros((2, 8, 8), complex)}, "complex"),
        ({"images": np.zeros((2, 8, 8, 33), np.uint8)}, "1 to 32"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": [1]}, "1 labels for 2 images"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": [-1, 0]}, "neither class numbers"),
    ],
)
def test_unusable_hdf5_is_refused_in_words(tmp_path, content, words):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for key, value in content.items():
            file[key] = value
    with pytest.raises(DataError, match=words):
        open_source(tmp_path / "x.h5")


def test_an_image_in_hdf5_that_unpacks_to_too_much_is_not_read(tmp_path):
    shape = (1, 20_000, 20_000)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        images = file.create_dataset(
            "images", shape, np.float32, chunks=(1, 1000, 1000), compression="gzip"
        )
        images[0, :1000, :1000] = np.random.RandomState(0).rand(1000, 1000)
    with closing(open_source(tmp_path / "x.h5")) as source:
        assert [source.checksum(entry) for entry in source.entries()] == [0]
    assert "too many to read" in problems(tmp_path / "x.h5")["00000000"]


def test_half_files_are_refused_in_words(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = np.zeros((9, 32, 32), np.uint8)
    zip_of(tmp_path / "x.zip", dict.fromkeys("abcdef", PNG))
    for name in ("x.h5", "x.zip"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match=f"{name}: not a readable"):
            open_source(path)


def test_a_list_keeps_its_order(tmp_path):
    folder_of(tmp_path, {"z.png": PNG, "a/b.png": PNG})
    (tmp_path / "list.txt").write_text("z.png\n\na/b.png\n")
    assert [name.removeprefix(f"{tmp_path}/") for name in names(tmp_path / "list.txt")] == [
        "z.png",
        "a/b.png",
    ]


def test_a_list_may_be_utf_16_as_powershell_writes_it(tmp_path):
    folder_of(tmp_path, {"z.png": PNG})
    (tmp_path / "list.txt").write_text("z.png\r\n", encoding="utf-16")
    assert names(tmp_path / "list.txt") == [f"{tmp_path}/z.png"]


def test_a_name_in_a_list_that_no_file_can_have_is_left_out(tmp_path):
    (tmp_path / "list.txt").write_text("x" * 300)
    with closing(open_source(tmp_path / "list.txt")) as source:
        assert [source.checksum(entry) for entry in source.entries()] == [0]
    assert [*problems(tmp_path / "list.txt").values()] == ["cannot be read: File name too long"]


@pytest.mark.parametrize("content", [b"\xff\xd8z.png", b"z\0.\0p\0n\0g\0"])
def test_a_list_that_is_no_text_is_refused_in_words(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"list\.txt: not text"):
        open_source(tmp_path / "list.txt")


def test_a_folder_of_tables_may_hold_folders_and_hidden_files(tmp_path):
    (tmp_path / "set" / "all.parquet").mkdir(parents=True)
    table(tmp_path / "set" / "all.parquet" / "part-0.PARQUET", {"image": [PNG]})
    (tmp_path / "set" / "._all.parquet").write_bytes(b"of a Mac")
    assert names(tmp_path / "set") == ["00000000"]


def test_neighbouring_files_are_one_source(tmp_path):
    folder_of(tmp_path, {"z.png": PNG, "a.png": PNG, "f/x.png": PNG})
    with open_sources([tmp_path / "z.png", tmp_path / "a.png", tmp_path / "f"]) as sources:
        assert [source.tally().images for source in sources] == [2, 1]


@pytest.mark.parametrize("name", ["nowhere", "x.tar"])
def test_what_is_no_source_is_refused_in_words(tmp_path, name):
    (tmp_path / "x.tar").write_bytes(b"tar")
    with pytest.raises(DataError, match=name):
        open_source(tmp_path / name)


def test_a_forgotten_zip_in_a_reference_cycle_is_closed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"")
    source = open_source(tmp_path / "a.zip")
    inner = source._zip
    source.cycle = [source]
    del source
    gc.collect()
    assert inner.fp is None


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.json"])
def test_a_list_larger_than_any_is_refused_unread(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=f"{name}: (larger than 256 MiB|not a source)"):
        open_source(tmp_path / name)
