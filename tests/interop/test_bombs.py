"""Small files that would take hours or all memory."""

import pickle
import struct
import zipfile

import pytest

from stylegan_cli.errors import ForeignFileError
from stylegan_cli.interop.pickles import Limits, RefusedError, check_nesting, plain_key
from stylegan_cli.interop.pickles.reader import read_pickle
from stylegan_cli.interop.pickles.torch_files import read_torch_file
from stylegan_cli.interop.reading import NAMES, read_foreign
from tests.interop.test_hostile_networks import plain


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


LONG = text("x" * 100_000)
PAIRS = b"](" + plain((1, 2)) * 30_000 + b"e"
BOMBS = {
    # the memo as a dict would be searched through for each number of the same hash
    "a memo of more than": b"Np%d\n." % (2**61 - 1),
    "a number of more than 128 bits": b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
    "bytes or 1,000,000 objects in calls": (
        b"c_codecs\nencode\nq\0"
        + LONG
        + b"q\1"
        + text("latin1")
        + b"q\2("
        + b"h\0h\1h\2\x86R" * 60
        + b"l."
    ),
    "objects in calls": (
        b"ccollections\nOrderedDict\nq\x080" + PAIRS + b"q\x090(" + b"h\x08h\x09\x85R" * 60 + b"l."
    ),
}


@pytest.mark.parametrize("reason", BOMBS)
def test_few_instructions_cannot_make_much(reason):
    with pytest.raises(ForeignFileError, match=reason):
        read_pickle(b"\x80\x02" + BOMBS[reason], NAMES, source="bomb.pkl")


def test_integers_that_could_be_made_to_collide_are_texts_as_keys():
    assert [plain_key(1023), plain_key(1024), plain_key(2**47)] == [1023, "1024", str(2**47)]


def test_a_long_text_counts_as_often_as_it_is_met():
    with pytest.raises(RefusedError, match="more than"):
        check_nesting({"a": ["x" * 256_000] * 11}, Limits(size=10_000))
    with pytest.raises(RefusedError, match="more than"):
        check_nesting([{"x" * 256_000: 1}] * 11, Limits(size=10_000))


def test_keys_of_a_dict_of_torch_are_plain_too(tmp_path):
    program = b"\x80\x02ccollections\nOrderedDict\n](" + plain((2**61, 0)) + b"e\x85R."
    with zipfile.ZipFile(tmp_path / "file.pt", "w") as archive:
        archive.writestr("archive/data.pkl", program)
    with pytest.raises(ForeignFileError, match="a key or element of type int"):
        read_torch_file(tmp_path / "file.pt")


def patched(path, place, value, method=zipfile.ZIP_DEFLATED):
    """A zip with another byte in the entry of its only member."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("network.pkl", pickle.dumps(list(range(1000))))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + place] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("place", "value"), [(8, 1), (10, 99), (6, 99)], ids=["locked", "method", "version"]
)
def test_zips_that_cannot_be_opened_end_in_words(place, value, tmp_path):
    for name in ("file.zip", "file.pkl"):
        with pytest.raises(ForeignFileError):
            read_foreign(patched(tmp_path / name, place, value))


def test_a_zip_that_unpacks_to_far_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.pkl", b"\x80\x02" + bytes(2**26) + b".")
    with pytest.raises(ForeignFileError, match="compressed more than weights can be"):
        read_foreign(tmp_path / "bomb.zip")


def test_words_about_damage_are_short():
    with pytest.raises(ForeignFileError) as caught:
        read_pickle(b"F" + b"x" * 10**5 + b"\n.", NAMES, source="file.pkl")
    assert len(str(caught.value)) < 300
