import io
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from stylegan_cli.errors import DataError
from stylegan_cli.latents.stored_arrays import describe_arrays, open_arrays


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def npy_header(description):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()


def claim(shape, descr="<f4"):
    """A .npy that claims a shape and holds nothing."""
    return npy_header({"descr": descr, "fortran_order": False, "shape": shape})


def read_everything(path):
    with open_arrays(path) as arrays:
        return {name: np.asarray(array.read()) for name, array in arrays.items()}


def test_arrays_of_all_formats_are_found_by_name(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "mine.npy", values)
    np.savez_compressed(tmp_path / "mine.npz", mine=values)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["mine"] = values
    for suffix in ("npy", "npz", "h5"):
        found = read_everything(tmp_path / f"mine.{suffix}")
        assert list(found) == ["mine"]
        assert np.array_equal(found["mine"], values)


def test_arrays_in_groups_are_named_by_their_path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rows/ws"] = np.zeros(3)
        file["rows/deep/ws"] = np.zeros(3)
    assert list(read_everything(tmp_path / "a.h5")) == ["rows/deep/ws", "rows/ws"]


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_pickle_in_an_array_is_refused_and_not_run(tmp_path, suffix):
    trap = np.array([Trap(tmp_path / "ran")], dtype=object)
    path = tmp_path / f"w.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, trap, allow_pickle=True)
    with pytest.raises(DataError, match=r"cannot be read: .*Object arrays cannot be loaded"):
        read_everything(path)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_instead_of_an_array_is_refused_and_not_run(tmp_path):
    (tmp_path / "w.npy").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(DataError, match="magic string is not correct"):
        read_everything(tmp_path / "w.npy")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (claim((2**40, 512)), "larger than 2 GiB"),
        (claim((2**62, 2**62)), "larger than 2 GiB"),
        (claim((-5,)), "no array has the shape"),
        (claim((1000,)), "cannot be read"),
        (claim((3,), descr="|O"), "Object arrays cannot be loaded"),
        (b"", "cannot be read"),
        (b"\x93NUMPY\x01\x00", "cannot be read"),
        (b"\x93NUMPY\x09\x00" + bytes(40), "holds no numbers"),
        (b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, "cannot be read"),
    ],
    ids=range(9),
)
def test_a_hostile_or_broken_array_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "w.npy").write_bytes(content)
    with pytest.raises(DataError, match=rf"w.npy: .*{words}"):
        read_everything(tmp_path / "w.npy")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", content)
    with pytest.raises(DataError, match=rf"w.npz: .*{words}"):
        read_everything(tmp_path / "w.npz")


def test_a_zip_bomb_is_refused_before_it_grows(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", claim((2**36,)) + bytes(2**20))
    with pytest.raises(DataError, match="larger than 2 GiB"):
        read_everything(tmp_path / "w.npz")


@pytest.mark.parametrize("suffix", ["h5", "npz", "npy"])
def test_a_file_cut_short_is_refused_in_words(tmp_path, suffix):
    path = tmp_path / f"w.{suffix}"
    values = np.random.default_rng(0).standard_normal(1000)
    if suffix == "h5":
        with h5py.File(path, "w") as file:
            file["w"] = values
    else:
        (np.save if suffix == "npy" else np.savez)(path, values)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"w\.{suffix}: (cannot be read|not a readable HDF5)"):
        read_everything(path)


def test_an_archive_without_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DataError, match="no arrays in it"):
        read_everything(tmp_path / "w.npz")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone.npz: there is no such file"):
        read_everything(tmp_path / "gone.npz")


def test_a_description_has_types_and_shapes(tmp_path):
    np.savez(tmp_path / "w.npz", w=np.zeros((1, 18, 512), np.float32), seed=np.int64(3))
    facts = describe_arrays(tmp_path / "w.npz")
    assert facts["arrays"] == {"w": "float32 [1, 18, 512]", "seed": "int64 []"}


def test_tensors_of_a_torch_file_are_arrays_by_the_keys_that_lead_to_them(tmp_path):
    import torch

    torch.save(
        {"me.png": {"latent": torch.ones(3), "noise": [torch.zeros(1, 1, 4, 4)]}}, tmp_path / "a.pt"
    )
    torch.save(torch.ones(1, 2, 3), tmp_path / "pivot.pt")
    with open_arrays(tmp_path / "a.pt") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {
            "me.png/latent": (3,),
            "me.png/noise/0": (1, 1, 4, 4),
        }
    with open_arrays(tmp_path / "pivot.pt") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {"pivot": (1, 2, 3)}


def test_a_torch_file_that_holds_more_than_tensors_is_refused(tmp_path):
    import torch

    torch.save({"code": torch.nn.Linear(1, 1)}, tmp_path / "a.pt")
    with pytest.raises(DataError, match="more than tensors"), open_arrays(tmp_path / "a.pt"):
        pass


def test_tensors_that_hold_no_plain_numbers_are_refused_in_words(tmp_path):
    import torch

    path = tmp_path / "a.pt"
    for odd in (torch.ones(2, 2).to_sparse(), torch.ones(2, dtype=torch.complex64)):
        torch.save(odd, path)
        with (
            pytest.raises(DataError, match="not a plain tensor of real numbers"),
            open_arrays(path),
        ):
            pass


def test_a_view_larger_than_its_file_is_not_copied(tmp_path):
    import torch

    torch.save(torch.zeros(1, dtype=torch.float16).expand(2**32), tmp_path / "a.pt")
    with pytest.raises(DataError, match="larger than 2 GiB"), open_arrays(tmp_path / "a.pt"):
        pass


def test_lists_within_lists_without_end_are_refused(tmp_path):
    import torch

    nested: list = []
    for _ in range(40):
        nested = [nested, nested]
    torch.save(nested, tmp_path / "a.pt")
    with pytest.raises(DataError, match="more than 10,000 parts"), open_arrays(tmp_path / "a.pt"):
        pass
