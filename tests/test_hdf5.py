import os

import h5py
import numpy as np
import pytest

from stylegan_cli import hdf5
from stylegan_cli.errors import DataError
from stylegan_cli.hdf5 import Claims, open_hdf5, root_attribute, stored_array

PIXELS = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


def external_storage(file, folder):
    secret = folder / "secret.txt"
    secret.write_bytes(b"S" * PIXELS.size)
    file.create_dataset("deep/images", PIXELS.shape, np.uint8, external=[(str(secret), 0, 128)])


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["images"] = PIXELS
    file["images"] = h5py.ExternalLink("other.h5", "images")


def virtual_data_set(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["images"] = PIXELS
    layout = h5py.VirtualLayout(PIXELS.shape, np.uint8)
    layout[:] = h5py.VirtualSource(folder / "other.h5", "images", PIXELS.shape)
    file.create_virtual_dataset("images", layout)


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("reach", [external_storage, external_link, virtual_data_set])
def test_a_file_that_reaches_others_is_refused(path, tmp_path, reach, mode):
    with h5py.File(path, "w") as file:
        reach(file, tmp_path)
    with pytest.raises(DataError, match=r"x\.h5: refused, .* another file"):
        open_hdf5(path, mode)


def test_links_within_the_file_are_followed(path):
    with h5py.File(path, "w") as file:
        file["images"] = PIXELS
        file["soft"] = h5py.SoftLink("/images")
        file["hard"] = file["images"]
        file["loop/back"] = file["/"]
    with open_hdf5(path) as file:
        np.testing.assert_array_equal(file["soft"][()], PIXELS)


def test_too_many_or_too_deep_objects_are_refused(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file.create_group("/".join("a" * 40))
    with pytest.raises(DataError, match="levels of groups"):
        open_hdf5(path)
    monkeypatch.setattr(hdf5, "MAX_OBJECTS", 3)
    with h5py.File(path, "w") as file:
        for name in "abcd":
            file.create_group(name)
    with pytest.raises(DataError, match="3 objects"):
        open_hdf5(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no dataset images; found"),
        ("group", "no dataset images; images is a group"),
        (h5py.Empty("u1"), "uint8 without values"),
        (np.zeros((2, 8, 8)), r"float64 \[2, 8, 8\]"),
        (np.uint8(3), r"uint8 \[\]"),
        ("a text", "object"),
    ],
)
def test_arrays_of_another_form_are_refused_in_words(path, content, words):
    with h5py.File(path, "w") as file:
        if isinstance(content, str) and content == "group":
            file.create_group("images")
        elif content is not None:
            file["images"] = content
    with open_hdf5(path) as file, pytest.raises(DataError, match=words):
        stored_array(file, "images", kinds="u", ranks=(3, 4))


def test_more_than_is_stored_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (2**40, 64, 64, 3), np.uint8, chunks=(1, 64, 64, 3))
        packed = file.create_dataset(
            "packed", (2**20, 64, 64), np.uint8, chunks=(1, 64, 64), compression="gzip"
        )
        packed[0] = 0
    with open_hdf5(path) as file:
        for name in ("images", "packed"):
            with pytest.raises(DataError, match=r"claims .* bytes, but only"):
                stored_array(file, name, kinds="u", ranks=(3, 4))


def test_chunks_larger_than_any_image_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (2, 2**16, 2**15), np.uint8, chunks=(1, 2**16, 2**15))
    with open_hdf5(path) as file, pytest.raises(DataError, match="in chunks of"):
        stored_array(file, "images", kinds="u", ranks=(3,))


def test_images_of_one_colour_pack_well_and_are_read(path):
    black = np.zeros((3, 1024, 1024), np.uint8)
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "images", data=black, chunks=(1, 1024, 1024), compression="gzip", compression_opts=9
        )
    with open_hdf5(path) as file:
        assert stored_array(file, "images", kinds="u", ranks=(3,)).shape == black.shape


def test_a_half_file_is_refused_in_words(path):
    with h5py.File(path, "w") as file:
        file["images"] = PIXELS
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        open_hdf5(path)


def test_a_flag_is_set_only_once_its_cell_is_on_the_disk(path, monkeypatch):
    synced = []
    monkeypatch.setattr(hdf5, "reach_disk", lambda _: synced.append(file["done"][...].tolist()))
    with h5py.File(path, "w") as file:
        file["done"] = np.zeros(2, bool)
        claims = Claims(file)
        claims.add("done", 1)
        assert file["done"][...].tolist() == [False, False]
        claims.settle()
        assert file["done"][...].tolist() == [False, True]
    assert synced == [[False, False]]


def test_flags_wait_for_a_second_at_most(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file["done"] = np.zeros(2, bool)
        claims = Claims(file)
        monkeypatch.setattr(hdf5, "SECONDS_TO_LOSE", -1)
        claims.add("done", 0)
        assert file["done"][...].tolist() == [True, False]


def test_a_damaged_root_has_no_attributes(path):
    with h5py.File(path, "w") as file:
        file.attrs["study"] = "mix"
        root = h5py.h5o.get_info(file.id).addr
    assert root_attribute(path, "study") == "mix"
    damaged = bytearray(path.read_bytes())
    damaged[root] ^= 0xFF
    path.write_bytes(damaged)
    assert root_attribute(path, "study") is None


def test_free_space_without_a_size_is_refused_before_hdf5_reads_it_for_ever(path):
    with h5py.File(path, "w") as file:
        file.attrs["study"] = "grid"
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    # the object behind the header: number 0 and a size of 0
    data[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(data)
    assert root_attribute(path, "study") is None
    with pytest.raises(DataError, match="heap"):
        open_hdf5(path)


def test_a_pipe_is_refused_and_has_no_attributes(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    assert root_attribute(tmp_path / "a.h5", "study") is None
    with pytest.raises(DataError, match=r"not a readable HDF5 file \(a pipe or device"):
        open_hdf5(tmp_path / "a.h5")
