import contextlib
import math
import pickle

import numpy as np
import pytest

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles import Limits
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.interop.pickles.stand_ins import NUMPY_NAMES, PickledArray
from tests.interop.hostile import HOSTILE, ran

PLAIN = {
    "none": None,
    "flags": [True, False],
    "numbers": (0, -1, 255, 70_000, 2**40, -(2**70), 1.5, math.inf),
    "texts": ["", "é", "long" * 100],
    "bytes": (b"", b"\x00\xff" * 200),
    "sets": {1, 2},
    "frozen": frozenset({"a"}),
    "nested": {"a": [{"b": ()}], 3: {}},
}


def read(data, **limits):
    return read_pickle(data, NUMPY_NAMES, source="file.ckpt", limits=Limits(**limits))


@pytest.mark.parametrize("protocol", [4, 5])
def test_plain_data_reads_back(protocol):
    assert read(pickle.dumps(PLAIN, protocol=protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(4))
def test_plain_data_of_old_protocols_reads_back(protocol):
    old = {key: PLAIN[key] for key in ("none", "flags", "numbers", "texts", "nested")}
    assert read(pickle.dumps(old, protocol=protocol)) == old


def test_what_is_shared_stays_one_object():
    inner = [1]
    first, second = read(pickle.dumps([inner, inner]))
    assert first is second


@pytest.mark.parametrize("dtype", ["?", "u1", "<i4", ">i8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_read_back(dtype, order):
    values = np.asarray(np.arange(6).reshape(2, 3), dtype=dtype, order=order)
    stored = read(pickle.dumps({"a": values, "b": values[0]}, protocol=4))
    assert isinstance(stored["a"], PickledArray)
    np.testing.assert_array_equal(stored["a"].array, values)
    np.testing.assert_array_equal(stored["b"].array, values[0])


@pytest.mark.parametrize("reason", HOSTILE)
def test_harm_is_refused_by_name_and_nothing_is_run(reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ForeignFileError) as caught:
        read(HOSTILE[reason])
    assert str(caught.value).startswith("file.ckpt: refused, nothing in it was run: ")
    assert reason in str(caught.value)
    assert not ran(tmp_path)


@pytest.mark.parametrize(
    "array",
    [np.array([{}], dtype=object), np.zeros(1, "f4,i4"), np.array(["text"]), np.zeros(1, "c8")],
    ids=["object", "structured", "text", "complex"],
)
def test_arrays_of_anything_but_numbers_are_refused(array):
    with pytest.raises(ForeignFileError, match="refused"):
        read(pickle.dumps(array, protocol=4))


def test_an_array_that_claims_more_than_it_has_is_refused():
    good = pickle.dumps(np.zeros(200, np.uint8), protocol=3)
    assert good.count(b"K\xc8\x85") == 1
    with pytest.raises(ForeignFileError, match="claims 10,000,000,000 bytes and has 200"):
        read(good.replace(b"K\xc8\x85", b"\x8a\x05" + (10**10).to_bytes(5, "little") + b"\x85"))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"file_bytes": 100}, "bytes, more than 100"),
        ({"operations": 10}, "more than 10 instructions"),
        ({"memo": 5}, "a memo of more than 5"),
        ({"depth": 2}, "nested deeper than 2"),
        ({"size": 10}, "more than 10 objects"),
    ],
)
def test_what_goes_beyond_a_limit_is_refused(limits, reason):
    with pytest.raises(ForeignFileError, match=reason):
        read(pickle.dumps(PLAIN, protocol=4), **limits)


def test_every_prefix_of_a_good_file_is_told_to_be_cut():
    good = pickle.dumps({"weights": np.arange(4, dtype=np.float32), "name": "x"}, protocol=4)
    for length in range(len(good)):
        with pytest.raises(ForeignFileError, match="damaged or truncated"):
            read(good[:length])


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_end_in_data_or_in_words(seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {"weights": np.arange(4, dtype=np.float32), "rest": PLAIN["nested"]}
    good = np.frombuffer(pickle.dumps(arrays, protocol=4), np.uint8)
    random = np.random.RandomState(seed)
    for _ in range(1000):
        bad = good.copy()
        bad[random.randint(0, len(good), 3)] = random.randint(0, 256, 3)
        with contextlib.suppress(ForeignFileError):
            read(bad.tobytes())
    assert not ran(tmp_path)
