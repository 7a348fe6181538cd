import h5py
import numpy as np
import pytest
import torch

from stylegan_cli.errors import DataError, UsageError
from stylegan_cli.latents.references import parse_picks
from stylegan_cli.latents.stored_codes import read_codes
from tests.tiny import code_sizes

WS = np.random.RandomState(0).randn(2, 6, 3, 4).astype(np.float32)


def read(text, c_dim=0):
    (stored,) = parse_picks(str(text))
    return read_codes(stored, code_sizes(z_dim=5, w_dim=4, num_ws=3, c_dim=c_dim))


@pytest.fixture
def study(tmp_path):
    """A table of 2 × 6 ws with everything beside it, as a study stores it."""
    path = tmp_path / "mix.h5"
    with h5py.File(path, "w") as file:
        for group, table in (("/", WS), ("row_sources", WS[:, 0])):
            shape = table.shape[:-2]
            file.require_group(group)
            file[f"{group}/ws"] = table
            file[f"{group}/z"] = np.ones((*shape, 5), np.float32)
            file[f"{group}/noise_seed"] = np.arange(np.prod(shape)).reshape(shape) + 2**60
            file[f"{group}/labels"] = np.full((*shape, 2), 0.5, np.float32)
            file[f"{group}/images"] = np.zeros((*shape, 8, 8, 3), np.uint8)
    return path


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("", WS.reshape(12, 3, 4)),
        (":1/2", WS[1, 2:3]),
        (":-1/-2", WS[1, 4:5]),
        (":1", WS[1]),
        (":all/0", WS[:, 0]),
        (":0/2-4", WS[0, 2:5]),
        (":0/4-", WS[0, 4:]),
        (":row_sources/1", WS[1, :1]),
        (":ws/1/0-1", WS[1, :2]),
    ],
)
def test_an_index_takes_codes_in_reading_order(study, index, expected):
    found = read(f"{study}{index}")
    assert found.kind == "ws"
    assert np.array_equal(found.values, expected)


def test_the_array_can_be_named(study):
    assert read(f"{study}:z/0/1").kind == "z"
    assert read(f"{study}:row_sources/z/0").values.shape == (1, 5)


def test_labels_and_noise_of_each_code_come_along(study):
    found = read(f"{study}:1/2", c_dim=2)
    assert found.labels.tolist() == [[0.5, 0.5]]
    assert found.noise_seed.tolist() == [2**60 + 8]


def test_labels_of_another_length_are_left_out(study):
    assert read(study, c_dim=3).labels is None


def test_each_code_says_where_it_was(study):
    assert read(f"{study}:row_sources").places == ("row_sources/0", "row_sources/1")
    assert read(f"{study}:1/2").places == ("1/2",)


def test_a_code_that_is_alone_needs_no_place(tmp_path):
    np.savez(tmp_path / "projected_w.npz", w=WS[:1, 0])
    found = read(tmp_path / "projected_w.npz")
    assert (found.kind, found.places) == ("ws", ("",))
    assert found.note.endswith("projected_w.npz: 1 ws (a w for each layer) from its array w")


def test_ws_go_before_w_and_z(tmp_path):
    np.savez(tmp_path / "a.npz", z=np.zeros((1, 5)), w=np.zeros((1, 4)), ws=WS[0])
    assert read(tmp_path / "a.npz").kind == "ws"
    assert read(f"{tmp_path}/a.npz:w").kind == "w"


def test_an_array_can_be_said_to_be_of_a_kind(tmp_path):
    np.save(tmp_path / "three.npy", WS[0, 0])
    with pytest.raises(UsageError, match="could be w or ws"):
        read(tmp_path / "three.npy")
    assert read(f"{tmp_path}/three.npy:w").values.shape == (3, 4)
    assert read(f"{tmp_path}/three.npy:ws").values.shape == (1, 3, 4)


def test_arrays_that_cannot_be_codes_are_not_chosen_from(tmp_path):
    names, noise = np.array(["a", "b"]), np.zeros((1, 1, 8, 8))
    np.savez(tmp_path / "a.npz", latents=WS[0, :2], names=names, noise=noise)
    assert np.array_equal(read(tmp_path / "a.npz").values, WS[0, :2])


def test_several_unknown_arrays_must_be_chosen_from(tmp_path):
    np.savez(tmp_path / "a.npz", smiles=np.zeros((2, 4)), ages=np.zeros(4))
    with pytest.raises(UsageError, match=r"which array holds the codes\? found smiles: float64"):
        read(tmp_path / "a.npz")
    assert read(f"{tmp_path}/a.npz:smiles/1").values.shape == (1, 4)


def test_a_file_without_codes_is_described_in_a_few_words(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for n in range(30):
            file[f"measure-{n:02}"] = np.zeros((2, 7))
    with pytest.raises(UsageError, match=r"no x in this file, which holds measure-00: .*") as error:
        read(f"{tmp_path}/a.h5:x")
    assert str(error.value).endswith("measure-07: float64 [2, 7] and 22 more")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (":2/0", "2 is out of range; the valid range is 0-1"),
        (":0/-7", "-7 is out of range; the valid range is 0-5"),
        (":0/4-9", "4-9 is out of range"),
        (":0/3-2", "3-2 is out of range"),
        (":0/0/0", "3 indexes, but the file holds 2×6"),
        (":cols/0", "no cols in this file, whose codes are row_sources/ws: [^i]*$"),
        (":images", "images: uint8 .* does not fit this network"),
    ],
)
def test_a_place_that_is_not_there_is_refused(study, index, words):
    with pytest.raises(UsageError, match=words):
        read(f"{study}{index}")


def test_a_table_without_codes_is_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros((0, 4)))
    with pytest.raises(UsageError, match="holds no codes"):
        read(tmp_path / "w.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_codes_that_are_not_finite_are_refused(tmp_path, bad):
    np.save(tmp_path / "w.npy", np.array([0, 1, 2, bad]))
    with pytest.raises(DataError, match="NaN or infinite values"):
        read(tmp_path / "w.npy")


def test_an_hdf5_table_that_claims_more_than_is_stored_is_not_read(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("w", (2**40, 4), np.float32, chunks=(16, 4))
    with pytest.raises(UsageError, match="1,099,511,627,776 codes"):
        read(tmp_path / "w.h5")
    with pytest.raises(DataError, match="only 0 are stored"):
        read(f"{tmp_path}/w.h5:-1")


def test_equal_codes_have_equal_hashes(tmp_path):
    for name, values in (("a", WS[0]), ("b", WS[0]), ("c", WS[1])):
        np.savez(tmp_path / f"{name}.npz", ws=values)
    a, b, c = (read(tmp_path / f"{name}.npz").sha256 for name in "abc")
    assert a == b != c


def save(path, name, values):
    if path.suffix == ".npz":
        np.savez(path, **{name: values})
    elif path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file[name] = values
    else:
        torch.save({name: torch.from_numpy(values)}, path)


@pytest.mark.parametrize("shape", [(1, 8, 4), (5, 2, 4), (8, 4), (2, 3, 8, 4)], ids=str)
@pytest.mark.parametrize("file", ["w.npz", "w.npy", "w.h5", "w.pt"])
def test_a_w_of_other_layers_is_asked_about_and_the_advice_works(tmp_path, file, shape):
    save(tmp_path / file, "w", np.ones(shape, np.float32))
    with pytest.raises(UsageError, match=r"layers.* this network has 3; write FILE:w/w"):
        read(tmp_path / file)
    assert len(read(f"{tmp_path / file}:w/w").values) == np.prod(shape[:-1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int32])
def test_a_plain_tensor_holds_codes(tmp_path, dtype):
    torch.save(torch.ones(1, 3, 4, dtype=dtype, requires_grad=False), tmp_path / "pivot.pt")
    found = read(tmp_path / "pivot.pt")
    assert (found.kind, found.values.shape, found.values.max()) == ("ws", (1, 3, 4), 1)


def test_a_parameter_in_a_list_holds_codes(tmp_path):
    torch.save([torch.nn.Parameter(torch.ones(1, 3, 4))], tmp_path / "pivot.pt")
    assert read(tmp_path / "pivot.pt").values.shape == (1, 3, 4)


def test_a_file_of_ours_calls_a_w_per_layer_ws_so_that_w_are_many_codes(tmp_path):
    with h5py.File(tmp_path / "styles.h5", "w") as file:
        file["centres/w"] = np.ones((8, 4), np.float32)
        file.attrs["network_sha256"] = "0" * 64
    found = read(f"{tmp_path}/styles.h5:centres")
    assert (found.kind, len(found.values)) == ("w", 8)
