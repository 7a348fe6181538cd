import argparse
import contextlib
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles.torch_files import is_torch_file, read_torch_file
from stylegan_cli.interop.pickles.torch_tensors import PickledTensor
from tests.interop.hostile import HOSTILE, ran

FORMS = {"zip": True, "stream": False}
NOT_HERE = ("instruction BINPERSID", "torch.storage._load_from_bytes")
"""What is harm in other pickles, but has a meaning in torch's."""
BASE = torch.arange(24.0).reshape(2, 3, 4)
TENSORS = {
    "whole": BASE,
    "part": BASE[1:, :, ::2],
    "turned": BASE.permute(2, 0, 1),
    "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "scalar": torch.tensor(3),
    "empty": torch.empty(0, 4),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    **{
        str(dtype): torch.tensor([0, 1, 2], dtype=dtype)
        for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.bool)
    },
}


def saved(path, content, form="zip"):
    torch.save(content, path, _use_new_zipfile_serialization=FORMS[form])
    return path


@pytest.fixture(scope="module", params=FORMS)
def read_back(request, tmp_path_factory):
    content = {
        "tensors": TENSORS,
        "state": torch.nn.Linear(2, 3).state_dict(),
        "ordered": OrderedDict(a=1),
        "args": argparse.Namespace(size=256, latent=None, inner=[1]),
        "rest": [0.5, "é", (1, None), {3: True}],
    }
    return read_torch_file(
        saved(tmp_path_factory.mktemp("torch") / "file.pt", content, request.param)
    )


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_read_back_whatever_their_strides(name, read_back):
    tensor = read_back["tensors"][name].tensor()
    assert tensor.dtype == TENSORS[name].dtype
    assert torch.equal(tensor, TENSORS[name])


def test_what_shares_a_storage_still_does(read_back):
    tensors = read_back["tensors"]
    assert tensors["whole"].storage is tensors["turned"].storage


def test_plain_data_reads_back(read_back):
    assert read_back["rest"] == [0.5, "é", (1, None), {3: True}]
    assert read_back["ordered"] == {"a": 1}
    assert list(read_back["state"]) == ["weight", "bias"]


def test_arguments_become_a_bag_of_what_is_plain(read_back):
    assert read_back["args"].values == {"size": 256, "latent": None}


@pytest.mark.parametrize("form", FORMS)
def test_files_of_torch_are_known_by_their_start(form, tmp_path):
    assert is_torch_file(saved(tmp_path / "file.pt", {}, form))


def test_numbers_stay_in_the_file_until_they_are_asked_for(read_back):
    stored = read_back["tensors"]["whole"]
    assert not stored.storage.values.flags.owndata
    assert not stored.storage.values.flags.writeable


def with_pickle(path, program, others=()):
    """A zip as torch writes it around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for name, content in others:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("reason", [reason for reason in HOSTILE if reason not in NOT_HERE])
def test_harm_in_a_zip_is_refused_by_name_and_nothing_is_run(reason, tmp_path, monkeypatch):
    path = with_pickle(tmp_path / "evil.pt", HOSTILE[reason])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ForeignFileError) as caught:
        read_torch_file(path)
    assert str(caught.value).startswith(f"{path}: refused, nothing in it was run: ")
    assert reason in str(caught.value)
    assert not ran(tmp_path / "here")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (np.array([{}], dtype=object), "an array of type 'O8'"),
        (Path("x"), "Path"),
        (torch.ones(2, dtype=torch.complex64), "ComplexFloatStorage"),
    ],
)
def test_anything_but_data_and_tensors_is_refused_by_name(form, content, name, tmp_path):
    path = saved(tmp_path / "file.pt", {"x": content}, form)
    with pytest.raises(ForeignFileError, match=name):
        read_torch_file(path)


def rebuilt(shape, stride, offset=0, count=4):
    """The program of a tensor on a storage of some numbers."""
    texts = [b"X" + len(t).to_bytes(4, "little") + t for t in (b"storage", b"0", b"cpu")]
    identity = b"(" + texts[0] + b"ctorch\nFloatStorage\n" + texts[1] + texts[2]
    number = pickle.dumps(count, protocol=2)[2:-1]
    rest = b"".join(pickle.dumps(each, protocol=2)[2:-1] for each in (offset, shape, stride))
    start = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
    return start + identity + number + b"tQ" + rest + b"tR."


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (rebuilt((2, 3), (3, 1)), "a tensor that claims 6 numbers of 4"),
        (rebuilt((2, 2), (3, 1)), "a tensor that claims 4 numbers of"),
        (rebuilt((2, 2), (2, 1), offset=1), "a tensor that claims 4 numbers of"),
        (rebuilt((10**6, 10**6), (0, 0)), "a tensor that claims 1,000,000,000,000 numbers of 4"),
        (rebuilt((2, 2), (2, -1)), "not a short tuple of sizes"),
        (rebuilt((2, 2), (2,)), "a tensor"),
        (rebuilt((2, 2), (2, 1), offset=-1), "a tensor"),
        (rebuilt((2, 2), (2, 1), count=10**10), "claims 40,000,000,000 bytes and has 16"),
        (rebuilt((2, 2), (2, 1), count=3), "claims 12 bytes and has 16"),
    ],
)
def test_tensors_beyond_what_is_stored_are_refused(program, reason, tmp_path):
    path = with_pickle(tmp_path / "file.pt", program, [("archive/data/0", bytes(16))])
    with pytest.raises(ForeignFileError, match=reason):
        read_torch_file(path)


def test_the_program_of_these_tests_is_that_of_a_tensor(tmp_path):
    numbers = np.arange(4, dtype=np.float32)
    path = with_pickle(
        tmp_path / "file.pt", rebuilt((2, 2), (1, 2)), [("archive/data/0", numbers.tobytes())]
    )
    tensor = read_torch_file(path)
    assert isinstance(tensor, PickledTensor)
    assert tensor.tensor().tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("archive/../../x", b"")], r"a member at archive/\.\./\.\./x"),
        ([("/etc/x", b"")], "a member at /etc/x"),
        ([("other/data.pkl", b"")], "a member at other/data.pkl"),
        ([("archive/code/net.py", b"")], "a TorchScript program"),
        ([("archive/byteorder", b"big")], "big-endian"),
    ],
)
def test_zips_that_are_not_those_of_torch_are_refused(members, reason, tmp_path):
    path = with_pickle(tmp_path / "file.pt", pickle.dumps({}), members)
    with pytest.raises(ForeignFileError, match=reason):
        read_torch_file(path)


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(10**7))
    with pytest.raises(ForeignFileError, match="a compressed member"):
        read_torch_file(path)


def test_members_that_claim_the_same_bytes_are_refused(tmp_path):
    path = with_pickle(tmp_path / "file.pt", pickle.dumps({}), [("archive/data/0", bytes(999))])
    twice = path.read_bytes()
    entry = twice[twice.rindex(b"PK\x01\x02") : twice.rindex(b"PK\x05\x06")]
    end = bytearray(twice[twice.rindex(b"PK\x05\x06") :])
    copies = b"".join(entry.replace(b"data/0", b"data/%d" % i) for i in range(1, 4))
    end[8:10] = end[10:12] = (5).to_bytes(2, "little")
    size = int.from_bytes(end[12:16], "little") + len(copies)
    end[12:16] = size.to_bytes(4, "little")
    path.write_bytes(twice[: twice.rindex(b"PK\x05\x06")] + copies + bytes(end))
    with pytest.raises(ForeignFileError, match="overlapping members"):
        read_torch_file(path)


def test_a_flipped_bit_of_a_tensor_is_found(tmp_path):
    path = saved(tmp_path / "file.pt", {"a": torch.full((100,), 7.0)})
    content = path.read_bytes()
    place = content.index(torch.full((100,), 7.0).numpy().tobytes())
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    with pytest.raises(ForeignFileError, match="data/0 does not match its checksum"):
        read_torch_file(path)["a"].tensor()


@pytest.mark.parametrize("form", FORMS)
def test_every_prefix_of_a_good_file_ends_in_words(form, tmp_path):
    good = saved(tmp_path / "file.pt", {"a": torch.ones(3), "b": [1]}, form).read_bytes()
    path = tmp_path / "cut.pt"
    for length in range(1, len(good), 7):
        path.write_bytes(good[:length])
        with pytest.raises(ForeignFileError):
            read_torch_file(path)


@pytest.mark.parametrize("form", FORMS)
def test_flipped_bytes_end_in_data_or_in_words(form, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    state = {"a": torch.ones(3), "b": torch.arange(6).reshape(2, 3).T}
    good = np.frombuffer(saved(tmp_path / "file.pt", state, form).read_bytes(), np.uint8)
    path, random = tmp_path / "bad.pt", np.random.RandomState(0)
    for _ in range(250):
        bad = good.copy()
        bad[random.randint(0, len(good), 3)] = random.randint(0, 256, 3)
        path.write_bytes(bad.tobytes())
        with contextlib.suppress(ForeignFileError):
            for stored in read_torch_file(path).values():
                stored.tensor()
    assert not ran(tmp_path / "here")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\0" * 257 + b"ustar"])
def test_other_files_end_in_words(content, tmp_path):
    path = tmp_path / "file.pt"
    path.write_bytes(content)
    with pytest.raises(ForeignFileError):
        read_torch_file(path)
