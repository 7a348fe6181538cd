import contextlib
import pickle
import struct
import zipfile

import numpy as np
import pytest

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.interop.reading import NAMES, read_foreign
from tests.interop.hostile import HOSTILE, calling, doubling, ran
from tests.interop.made import Network, dumped, tiny_release


def plain(value):
    """The instructions for a value, to stand within a pickle."""
    return pickle.dumps(value, 2)[2:-1]


def storage(*pickles, count=1, raw=b"\0" * 4):
    """A storage as torch wrote it before it wrote zips, of these pickles."""
    return calling(
        "torch.storage", "_load_from_bytes", b"".join(pickles) + struct.pack("<q", count) + raw
    )


def described(count):
    """The pickle of a storage's persistent id."""
    kind, rest = b"ctorch\nFloatStorage\n", plain("0") + plain("cpu") + plain(count) + b"N"
    return b"\x80\x02(" + plain("storage") + kind + rest + b"tQ."


START = (
    pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    pickle.dumps(1001, 2),
    pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2),
)
KEYS = pickle.dumps(["0"], 2)
NETWORK = b"cdnnlib.tflib.network\nNetwork\n)\x81"
MODULE = "torch_utils.persistence", "_reconstruct_persistent_obj"


def within_itself():
    """A network that is a part of itself."""
    parts = b"}" + plain("x") + b"h\x05s"
    return b"\x80\x02" + NETWORK + b"q\x05}" + plain("components") + parts + b"sb."


def modules(depth):
    """Modules within modules."""
    names = [plain(word) for word in ("type", "class", "class_name", "M", "state", "_modules", "m")]
    opened = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}("
    head = opened + b"".join(names[:5]) + b"}" + names[5] + b"}" + names[6]
    return b"\x80\x02" + head * depth + b"N" + b"sssu\x85R".replace(b"sss", b"ss") * depth + b"."


NETWORKS = {
    **{reason: data for reason, data in HOSTILE.items() if not reason.startswith("torch.storage")},
    "the name os.system": storage(calling("os", "system", "touch ran")),
    "the name torch.storage._load_from_bytes": storage(storage()),
    "a file that torch did not write": storage(pickle.dumps(5, 2), *START, KEYS),
    "claims 40,000,000,000 bytes and has 4": storage(*START, described(10**10), KEYS, count=10**10),
    "claims 8 bytes and has 4": storage(*START, described(2), KEYS, count=2),
    "the name torch.nn.modules.linear.Linear": calling("torch.nn.modules.linear", "Linear", 1, 1),
    "the name dnnlib.tflib.network.Network.run": (
        b"\x80\x04\x8c\x14dnnlib.tflib.network\x8c\x0bNetwork.run\x93."
    ),
    "the name os.\\x1b]0;mine\\x07system": calling("os", "\x1b]0;mine\x07system"),
    "a string in an encoding other than latin1": calling("_codecs", "encode", "x", "rot13"),
    "a new numpy.ndarray": (
        b"\x80\x02ccopyreg\n_reconstructor\n(cnumpy\nndarray\ncbuiltins\nobject\nNtR."
    ),
    "a network whose state is not that of": b"\x80\x02" + NETWORK + b"]b.",
    "an object that is not a module": calling(*MODULE, {"type": "function"}),
    "an object that contains itself": within_itself(),
    "nested deeper than 64": modules(40),
    "an array of type list": b"\x80\x02cnumpy\ndtype\n" + doubling(40)[2:-1] + b"\x85R.",
    "a device without a name": b"\x80\x02ctorch\ndevice\n" + doubling(40)[2:-1] + b"\x85R.",
    "protocol 6": b"\x80\x06N.",
}
"""What the refusal must name, and the file."""


@pytest.mark.parametrize("reason", NETWORKS)
def test_a_hostile_network_is_refused_by_name_and_nothing_is_run(reason, tmp_path, monkeypatch):
    folder, file = tmp_path / "empty", tmp_path / "evil.pkl"
    folder.mkdir()
    monkeypatch.chdir(folder)
    file.write_bytes(NETWORKS[reason])
    with pytest.raises(ForeignFileError) as caught:
        read_foreign(file)
    assert str(caught.value).startswith(f"{file}: refused, nothing in it was run: ")
    assert reason in str(caught.value)
    assert not ran(folder)


def test_a_hostile_network_in_a_zip_is_refused_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("network.pkl", HOSTILE["os.system"])
    with pytest.raises(ForeignFileError, match=r"evil\.zip: refused.*os\.system"):
        read_foreign(tmp_path / "evil.zip")


@pytest.mark.parametrize("code", [b"\x8e", b"\x8d", b"\x96"], ids=["bytes", "text", "bytearray"])
def test_a_claim_of_ten_gigabytes_takes_no_memory(code, tmp_path):
    path = tmp_path / "claim.pkl"
    path.write_bytes(b"\x80\x05" + code + struct.pack("<Q", 10**10) + b"few.")
    with pytest.raises(ForeignFileError, match="damaged or truncated"):
        read_foreign(path)


def test_a_tensor_of_more_than_its_storage_is_refused():
    data = storage(*START, described(1), KEYS)[2:-1]
    for shape, stride in (((10**10,), (0,)), ((1, 2), (1, 1)), ((1,), (-1,))):
        tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + data + b"K\x00"
        rest = plain(shape) + plain(stride) + b"\x89NtR."
        with pytest.raises(ForeignFileError, match="a tensor"):
            read_pickle(b"\x80\x02" + tensor + rest, NAMES, source="tensor.pkl")


def test_source_text_is_neither_run_nor_shown(tmp_path, capsys):
    path = tmp_path / "tiny.pkl"
    path.write_bytes(tiny_release())
    assert "source text" in path.read_bytes().decode("latin-1")
    assert "source text" not in repr(read_foreign(path).provenance)
    path.write_bytes(dumped(Network("G", "raise SystemExit", {})))
    with pytest.raises(ForeignFileError, match="no generator") as caught:
        read_foreign(path)
    assert "raise" not in str(caught.value)


def test_every_prefix_of_a_good_network_is_told_to_be_cut(tmp_path):
    good = dumped(Network("D", "D_basic", {"lod": np.float32(0)}), 4)
    for length in range(len(good)):
        with pytest.raises(ForeignFileError, match="damaged or truncated"):
            read_pickle(good[:length], NAMES, source="cut.pkl")


@pytest.mark.parametrize("protocol", [2, 4])
def test_prefixes_of_a_release_are_told_to_be_cut(protocol, tmp_path):
    good, path = tiny_release(protocol), tmp_path / "cut.pkl"
    for length in np.linspace(0, len(good) - 1, 8).astype(int):
        path.write_bytes(good[:length])
        with pytest.raises(ForeignFileError, match="damaged or truncated"):
            read_foreign(path)


def flipped(good, seed, count):
    random = np.random.RandomState(seed)
    for _ in range(count):
        bad = np.frombuffer(good, np.uint8).copy()
        places = random.randint(0, len(good), random.randint(1, 4))
        bad[places] = random.randint(0, 256, len(places))
        yield bad.tobytes()


def check_flips(folder, monkeypatch, good, seed, count):
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty")
    for bad in flipped(good, seed, count):
        (folder / "bad.pkl").write_bytes(bad)
        with contextlib.suppress(ForeignFileError):
            read_foreign(folder / "bad.pkl")
    assert not ran(folder / "empty")


@pytest.mark.parametrize("protocol", [2, 4])
def test_flipped_bytes_end_in_networks_or_in_words(protocol, tmp_path, monkeypatch):
    check_flips(tmp_path, monkeypatch, tiny_release(protocol), seed=0, count=6)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [2, 4])
def test_ten_thousand_flips_end_in_networks_or_in_words(protocol, tmp_path, monkeypatch):
    check_flips(tmp_path, monkeypatch, tiny_release(protocol), seed=1, count=5000)
