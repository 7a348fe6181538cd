import h5py
import numpy as np
import pytest

from stylegan_cli.describe import describe
from stylegan_cli.errors import OutputError
from stylegan_cli.metrics.store import open_measurements

REQUEST = {"metric": "ppl", "num": 6, "seed": 0}
COLUMNS = {"distances": (6,), "logits": (6, 2)}


def opened(folder, **changes):
    return open_measurements(folder / "ppl.h5", {**REQUEST, **changes}, COLUMNS)


def values(n, start=0.0):
    column = np.arange(start, start + n, dtype=np.float32)
    return {"distances": column, "logits": np.stack([column, -column], 1)}


def test_the_file_has_its_name_only_when_everything_is_there(tmp_path):
    with opened(tmp_path) as file:
        file.write(0, values(6))
        assert not (tmp_path / "ppl.h5").exists()
        file.finish({"score": np.array([1.5])})
        assert [path.name for path in tmp_path.iterdir()] == ["ppl.h5"]
        assert file.read("score").tolist() == [1.5]
    with h5py.File(tmp_path / "ppl.h5") as file:
        assert file["distances"][:].tolist() == [0, 1, 2, 3, 4, 5]
        assert file["logits"].shape == (6, 2)
        assert file.attrs["metric"] == "ppl"


def test_an_interrupted_file_goes_on(tmp_path):
    with opened(tmp_path) as file:
        file.write(2, values(2, 2))
    with opened(tmp_path) as file:
        assert file.done.tolist() == [False, False, True, True, False, False]
        assert file.read("distances")[2:4].tolist() == [2, 3]
        assert not file.is_finished


def test_a_finished_file_is_taken_as_it_is(tmp_path):
    with opened(tmp_path) as file:
        file.write(0, values(6))
        file.finish()
    with opened(tmp_path) as file:
        assert file.is_finished
        assert file.done.all()
        file.finish()


def test_another_request_is_refused_unless_it_may_overwrite(tmp_path):
    with opened(tmp_path):
        pass
    with pytest.raises(OutputError, match=r"holds another measurement \(seed is 0, not 1\)"):
        opened(tmp_path, seed=1)
    other = {**REQUEST, "seed": 1}
    with open_measurements(tmp_path / "ppl.h5", other, COLUMNS, overwrite=True) as file:
        assert not file.done.any()


def test_a_damaged_unfinished_file_is_started_anew(tmp_path):
    (tmp_path / ".ppl.h5.partial").write_bytes(b"\x89HDF")
    with opened(tmp_path) as file:
        assert "damaged" in file.damage
        assert not file.done.any()


def test_a_stranger_under_the_name_is_left_alone(tmp_path):
    (tmp_path / "ppl.h5").write_text("mine")
    with pytest.raises(OutputError, match="not a readable HDF5 file"):
        opened(tmp_path)
    assert (tmp_path / "ppl.h5").read_text() == "mine"


def test_info_tells_what_was_measured(tmp_path):
    with opened(tmp_path) as file:
        file.write(0, values(4))
    facts = describe(tmp_path / ".ppl.h5.partial")
    assert (facts["kind"], facts["metric"], facts["missing"]) == ("measurements", "ppl", 2)
    assert facts["request"] == REQUEST
    assert facts["shapes"] == {"distances": [6], "done": [6], "logits": [6, 2]}


def test_an_unfinished_file_without_a_column_is_started_anew(tmp_path):
    with opened(tmp_path) as file:
        file.write(0, values(2))
    (hidden,) = tmp_path.glob(".*.partial")
    with h5py.File(hidden, "r+") as there:
        del there["distances"]
        there.create_group("distances")
    with opened(tmp_path) as file:
        assert "distances is a group" in file.damage
        assert not file.done.any()
